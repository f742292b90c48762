"""Market data analysed in real time with Spark Structured Streaming.

The library is in the subpackages: `mdstream.transforms` (DataFrame to DataFrame), `mdstream.streaming`
(queries), `mdstream.stores`, `mdstream.feeds`, `mdstream.serving`, `mdstream.schemas`, `mdstream.config`.
"""

__version__ = "0.1.0"
