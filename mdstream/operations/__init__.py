"""What an operator does to a running system: create topics and tables, keep them in shape, find out what is wrong."""
