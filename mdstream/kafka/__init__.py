"""Kafka: how its clients log in, topics, what is sent and read, how far readers are and how long records take."""
