"""Finds the packages: all of mdstream, and the jobs, which pyproject.toml alone cannot find under another name."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["mdstream", "mdstream.*"]), "mdstream.jobs"])
