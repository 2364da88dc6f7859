"""Apache Kafka itself, from Maven Central: the server, its tools and the Java client, with all that they need to run."""

from __future__ import annotations

import os
import re
from pathlib import Path

from . import cache

VERSION = os.environ.get("KAFKALITE_KAFKA_VERSION", "4.4.0")
"""Which Kafka. Every 4.x runs on Java 17."""

POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>kafkalite</groupId>
  <artifactId>real-kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{version}</version>
    </dependency>
    <!-- Kafka logs by slf4j; this writes warnings and errors to standard error. -->
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""


def java() -> str:
    """The `java` to use, of JAVA_HOME or else of the PATH. Raises Missing if it is absent or older than 17."""
    home = os.environ.get("JAVA_HOME")
    command = cache.tool(str(Path(home, "bin", "java")) if home else "java")
    found = re.search(r'version "(\d+)', cache.run(command, "-version"))
    if found is None or int(found[1]) < 17:
        raise cache.Missing(f"{command} is Java {found[1] if found else 'of an unknown age'}; Kafka needs 17")
    return command


def class_path() -> str:
    """A Java class path with everything of Kafka on it. Raises Missing if it is neither cached nor to be had."""

    def download(where: Path) -> None:
        maven = cache.tool("mvn")
        (where / "pom.xml").write_text(POM.format(version=VERSION), encoding="utf-8")
        copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib"]
        cache.run(maven, "--batch-mode", "--quiet", *copy, cwd=where, timeout=600)

    return str(cache.once(f"kafka-{VERSION}", download) / "lib" / "*")
