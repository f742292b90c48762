"""Redis and Valkey: how they are reached, and the newest records in them."""
