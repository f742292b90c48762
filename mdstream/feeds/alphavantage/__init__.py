"""Alpha Vantage: minute bars of stocks, asked for over HTTP; there is nothing that pushes."""

from mdstream.feeds.alphavantage.account import AlphaVantageAccount
from mdstream.feeds.alphavantage.feed import AlphaVantageFeed

__all__ = ["AlphaVantageAccount", "AlphaVantageFeed"]
