"""The same raw requests to a real Kafka and to the embedded broker: what one answers, the other has to answer.

`talk` speaks with a broker and writes down what it says, `compare` finds differences; the other modules are the
conversations. tests/real/test_conformance.py runs them.
"""
