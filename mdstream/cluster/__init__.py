"""What the machines of a Spark cluster need of us."""

from mdstream.cluster.archives import dependencies_archive, library_archive
from mdstream.cluster.packaging import driver_python_path, packaged

__all__ = ["dependencies_archive", "driver_python_path", "library_archive", "packaged"]
