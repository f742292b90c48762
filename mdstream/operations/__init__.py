"""Bring it back: what an operator does to the data of a running system.

Back-filling what a vendor has and we have not, rebuilding bars of stored ticks, keeping tables in shape. What only
looks belongs to `mdstream.monitoring`.
"""
