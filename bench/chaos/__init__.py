"""Breaks the running system by a seeded schedule, and counts what was lost, doubled, or went back.

python -m bench.chaos --seed 1 --minutes 2

The product's own processes run on servers of their own: `mdstream run live_bars store_ticks analytics`, the REST API,
the WebSocket server and alerts. A seeded sender puts ticks into Kafka. A plain Python model knows from them alone what
has to come out; readers look all the while, and at the end everything is compared.
"""
