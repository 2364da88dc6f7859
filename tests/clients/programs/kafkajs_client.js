// kafkajs, held to contract.py.

const { CompressionTypes, Kafka, logLevel } = require("kafkajs");

const show = (what) => process.stdout.write(JSON.stringify(what) + "\n");

const showRecord = (partition, { offset, key, value, headers }) =>
  show({
    partition,
    offset: Number(offset),
    key: key.toString(),
    value: value.toString(),
    headers: Object.entries(headers || {}).map(([name, text]) => [name, text.toString()]),
  });

const client = (bootstrap) =>
  new Kafka({ brokers: bootstrap.split(","), logLevel: logLevel.NOTHING, retry: { initialRetryTime: 100 } });

async function produce(bootstrap, topic, count, codecs) {
  const producer = client(bootstrap).producer({ idempotent: true });
  await producer.connect();
  for (const codec of codecs) {
    const compression = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP }[codec];
    const headers = { client: "kafkajs", codec };
    const messages = [];
    for (let n = 0; n < count; n++) {
      const value = `${codec} value ${n} ` + "so that there is something to compress ".repeat(4);
      messages.push({ key: `key-${n}`, value, headers });
    }
    await producer.send({ topic, compression, messages });
    // kafkajs tells where each batch went, not each record.
    for (const message of messages) showRecord(-1, { offset: -1, ...message });
  }
  await producer.disconnect();
}

async function consume(bootstrap, topic, count) {
  const consumer = client(bootstrap).consumer({ groupId: `unused-${Date.now()}-${process.pid}`, maxWaitTimeInMs: 200 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise((resolve) =>
    consumer.run({
      eachMessage: async ({ partition, message }) => {
        showRecord(partition, message);
        if (--count === 0) resolve();
      },
    })
  );
  await consumer.disconnect();
}

async function member(bootstrap, topic, groupId) {
  const consumer = client(bootstrap).consumer({ groupId, heartbeatInterval: 300, maxWaitTimeInMs: 200 });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => show({ assigned: payload.memberAssignment[topic] || [] }));
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachBatch: async ({ batch }) => {
      for (const message of batch.messages) showRecord(batch.partition, message);
    },
  });
  process.stdin.resume();
  await new Promise((resolve) => process.stdin.on("end", resolve));
  await consumer.disconnect();
  show({ left: true });
}

const [what, bootstrap, topic, ...rest] = process.argv.slice(2);
const run = {
  produce: () => produce(bootstrap, topic, Number(rest[0]), rest.slice(1)),
  consume: () => consume(bootstrap, topic, Number(rest[0])),
  member: () => member(bootstrap, topic, rest[0]),
};
run[what]().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  }
);
