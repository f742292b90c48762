"""A feed, a store, an indicator and a channel of alerts for mdstream."""
