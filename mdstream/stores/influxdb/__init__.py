"""InfluxDB 2: how it is reached, and records as points of its bucket."""
