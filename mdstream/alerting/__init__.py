"""Sends what the rules found to people: channels, the quiet time between two alerts, and retries."""
