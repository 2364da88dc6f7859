// Kafka's own Java client, held to contract.py.

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class JavaClient {
    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[1], topic = arguments[2];
        switch (arguments[0]) {
            case "produce" -> produce(bootstrap, topic, Integer.parseInt(arguments[3]), List.of(arguments).subList(4, arguments.length));
            case "consume" -> consume(bootstrap, topic, Integer.parseInt(arguments[3]));
            case "member" -> member(bootstrap, topic, arguments[3]);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    static void produce(String bootstrap, String topic, int count, List<String> codecs) throws Exception {
        for (String codec : codecs) {
            Map<String, Object> options =
                    Map.of("bootstrap.servers", bootstrap, "compression.type", codec, "linger.ms", 20);
            try (var producer = new KafkaProducer<>(options, new StringSerializer(), new StringSerializer())) {
                List<ProducerRecord<String, String>> records = new ArrayList<>();
                List<Future<RecordMetadata>> sent = new ArrayList<>();
                for (int n = 0; n < count; n++) {
                    String value = codec + " value " + n + " " + "so that there is something to compress ".repeat(4);
                    var record = new ProducerRecord<>(topic, "key-" + n, value);
                    record.headers().add("client", "java".getBytes(StandardCharsets.UTF_8));
                    record.headers().add("codec", codec.getBytes(StandardCharsets.UTF_8));
                    records.add(record);
                    sent.add(producer.send(record));
                }
                for (int n = 0; n < count; n++) {
                    var at = sent.get(n).get();
                    var record = records.get(n);
                    show(at.partition(), at.offset(), record.key(), record.value(), record.headers());
                }
            }
        }
    }

    static KafkaConsumer<String, String> consumer(Map<String, Object> options) {
        return new KafkaConsumer<>(options, new StringDeserializer(), new StringDeserializer());
    }

    static void consume(String bootstrap, String topic, int count) {
        try (var consumer = consumer(Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest"))) {
            consumer.assign(
                    consumer.partitionsFor(topic).stream().map(p -> new TopicPartition(topic, p.partition())).toList());
            while (count > 0) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    if (count-- > 0) show(record);
                }
            }
        }
    }

    static void member(String bootstrap, String topic, String group) {
        Map<String, Object> options =
                Map.of(
                        "bootstrap.servers", bootstrap,
                        "group.id", group,
                        "auto.offset.reset", "earliest",
                        "enable.auto.commit", false,
                        "heartbeat.interval.ms", 300,
                        "partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor");
        boolean[] ended = {false};
        Thread input =
                new Thread(
                        () -> {
                            try {
                                while (System.in.read() >= 0) {}
                            } catch (java.io.IOException error) {
                                // It ended, one way or the other.
                            }
                            synchronized (ended) {
                                ended[0] = true;
                            }
                        });
        input.setDaemon(true);
        input.start();
        try (var consumer = consumer(options)) {
            consumer.subscribe(
                    List.of(topic),
                    new ConsumerRebalanceListener() {
                        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {}

                        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                            String numbers =
                                    consumer.assignment().stream()
                                            .map(TopicPartition::partition)
                                            .sorted()
                                            .map(String::valueOf)
                                            .collect(Collectors.joining(", "));
                            say("{\"assigned\": [" + numbers + "]}");
                        }
                    });
            while (true) {
                synchronized (ended) {
                    if (ended[0]) break;
                }
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
                for (var record : records) show(record);
                if (!records.isEmpty()) consumer.commitSync();
            }
        }
        say("{\"left\": true}");
    }

    static void show(ConsumerRecord<String, String> record) {
        show(record.partition(), record.offset(), record.key(), record.value(), record.headers());
    }

    static void show(int partition, long offset, String key, String value, Iterable<Header> headers) {
        List<String> shown = new ArrayList<>();
        for (Header header : headers) {
            shown.add("[" + quoted(header.key()) + ", " + quoted(new String(header.value(), StandardCharsets.UTF_8)) + "]");
        }
        say(
                "{\"partition\": " + partition
                        + ", \"offset\": " + offset
                        + ", \"key\": " + quoted(key)
                        + ", \"value\": " + quoted(value)
                        + ", \"headers\": [" + String.join(", ", shown) + "]}");
    }

    static String quoted(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }

    static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
