"""Technical indicators as plain functions of arrays, by TA-Lib's names; nothing here knows Spark."""
