"""What mdstream's processes run on and in: Java, Spark's jars, the compiled engine; run folders whose processes end."""

from mdstream.errors import brought_by

with brought_by("local"):
    from mdstream.runtime.java import Java, find_java, use_java

__all__ = ["Java", "find_java", "use_java"]
