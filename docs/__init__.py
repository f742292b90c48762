"""The pages, and what makes those of them that no one writes."""
