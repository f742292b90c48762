"""`conf/spark-defaults.conf`: Spark's settings in Spark's own form."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdstream.config import SparkSettings, load_settings
from mdstream.errors import ConfigError

SHIPPED = Path(__file__).parents[3] / "conf" / "spark-defaults.conf"


@pytest.fixture
def defaults(conf: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MDSTREAM_SPARK__CHECKPOINT_LOCATION", "hdfs:///checkpoints")
    return conf.with_name("spark-defaults.conf")


def test_every_form_of_a_line(defaults: Path) -> None:
    defaults.write_text(
        "spark.eventLog.dir file:/a\n# a comment\n\nspark.master   spark://one:7077,two:7077\nspark.executor.memory=4g\n"
        "spark.sql.shuffle.partitions : 8\nspark.jars.packages a:b:1,c:d:2\n"
        "  spark.executor.extraJavaOptions -Da=b -Dc:d  \n"
    )

    spark = load_settings().spark

    assert (spark.master, spark.shuffle_partitions, spark.packages) == (
        "spark://one:7077,two:7077",
        8,
        ("a:b:1", "c:d:2"),
    )
    assert spark.conf == {
        "spark.eventLog.dir": "file:/a",
        "spark.executor.memory": "4g",
        "spark.executor.extraJavaOptions": "-Da=b -Dc:d",
    }


def test_the_configuration_goes_before_it(defaults: Path, conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    defaults.write_text("spark.master yarn\nspark.executor.memory 1g\nspark.executor.cores 1\nspark.yarn.queue night\n")
    conf.write_text("spark: {conf: {spark.executor.memory: 2g, spark.executor.cores: '2'}}")
    monkeypatch.setenv("MDSTREAM_SPARK__CONF", '{"spark.executor.cores": "3"}')

    spark = load_settings().spark

    assert spark.master == "yarn"
    assert spark.conf == {"spark.executor.memory": "2g", "spark.executor.cores": "3", "spark.yarn.queue": "night"}


@pytest.mark.parametrize("line", ["spark.executor.memory", "hunter2 = x", "export PASSWORD=hunter2"])
def test_a_line_that_is_no_setting_is_named_but_not_repeated(defaults: Path, line: str) -> None:
    defaults.write_text(f"# first\n{line}\n")

    with pytest.raises(ConfigError, match=r"line 2: expected 'spark\.NAME VALUE'") as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ('{"spark.master": "yarn"}', "spark.master does not belong here: set spark.master instead"),
        ('{"spark.jars.packages": "a:b:1"}', "set spark.packages instead"),
        ('{"spark.submit.deployMode": "cluster"}', "is cluster; expected client: the driver runs where"),
    ],
)
def test_what_belongs_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch, setting: str, reason: str) -> None:
    monkeypatch.setenv("MDSTREAM_SPARK__CONF", setting)

    with pytest.raises(ConfigError, match=reason):
        load_settings()


def test_the_shipped_file_sets_nothing(defaults: Path) -> None:
    defaults.write_text(SHIPPED.read_text())

    assert load_settings().spark.conf == {}


@pytest.mark.parametrize("location", ["checkpoints", "./checkpoints", "~/checkpoints"])
def test_checkpoints_in_a_folder_of_one_machine_are_refused_on_a_cluster(
    monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    monkeypatch.setenv("MDSTREAM_SPARK__CHECKPOINT_LOCATION", location)
    assert load_settings().spark.is_local
    monkeypatch.setenv("MDSTREAM_SPARK__MASTER", "k8s://https://cluster:6443")

    with pytest.raises(ConfigError, match=f"checkpoint_location is {location}, .* expected what all machines reach"):
        load_settings()


@pytest.mark.parametrize("location", ["/mnt/shared", "file:///mnt/shared", "s3a://bucket/x", "hdfs:/x"])
def test_checkpoints_may_be_wherever_all_machines_reach(location: str) -> None:
    assert not SparkSettings(master="yarn", checkpoint_location=location).is_local
