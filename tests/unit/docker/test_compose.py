"""docker-compose.yml against the settings, the commands and the files that it names."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from dotenv import dotenv_values

import mdstream
from mdstream.cli.app import app
from mdstream.cli.run import _job
from mdstream.config import Settings, load_settings
from mdstream.runtime.jars import KAFKA_SERVER_PACKAGE
from tests.unit.docker.compose import ROOT, compose, ours, published, services, variables

DEFAULTS = Settings.model_construct()
PORTS = {
    "kafka": int(DEFAULTS.kafka.bootstrap_servers.rpartition(":")[2]),
    "timescaledb": DEFAULTS.stores.timescaledb.port,
    "redis": DEFAULTS.stores.redis.port,
    "influxdb": int(DEFAULTS.stores.influxdb.url.rpartition(":")[2]),
    "api": DEFAULTS.serving.rest_port,
    "websocket": DEFAULTS.serving.websocket_port,
    "dashboard": DEFAULTS.serving.dashboard_port,
    "metrics": DEFAULTS.monitoring.port,
}


def settings_of(service: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What a container of the service would run with."""
    for name, value in service["environment"].items():
        monkeypatch.setenv(name, str(value))
    return load_settings(ROOT / "conf" / "mdstream.yaml")


def targets(file: Path) -> dict[str, tuple[str, int]]:
    found = {}
    for group in yaml.safe_load(file.read_text(encoding="utf-8")):
        host, _, port = group["targets"][0].rpartition(":")
        found[group["labels"]["process"]] = (host, int(port))
    return found


def test_every_port_is_published_on_this_machine_alone() -> None:
    for name, service in services().items():
        for port in service.get("ports", []):
            assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port), f"{name}: {port}"


def test_ports_are_those_of_the_settings() -> None:
    assert published() == PORTS | {"spark-master": 8080, "prometheus": 9090, "grafana": 3000}


def test_addresses_in_the_documents_are_published_or_scraped() -> None:
    scraped = {port for _, port in targets(ROOT / "conf/prometheus/targets/mdstream.yml").values()}
    for file in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        named = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", file.read_text(encoding="utf-8"))}
        assert named <= {*published().values(), *scraped}, file.name


@pytest.mark.parametrize("name", ours())
def test_commands_exist_with_their_options(name: str) -> None:
    command: Any = typer.main.get_command(app)
    arguments = shlex.split(ours()[name]["command"])
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    context = command.make_context(command.name, arguments)
    if command.name == "run":
        assert [_job(job) for job in context.params["jobs"]]


@pytest.mark.parametrize("name", ours())
def test_variables_are_settings_that_point_at_other_services(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(ours()[name], monkeypatch)

    urls = (settings.serving.dashboard.rest_url, settings.serving.dashboard.websocket_url, settings.stores.influxdb.url)
    hosts = {re.sub(r"^\w+://|:\d+$", "", url) for url in urls if url}
    hosts |= {settings.stores.timescaledb.host, settings.stores.redis.host}
    broker, _, port = settings.kafka.bootstrap_servers.rpartition(":")
    assert hosts | {broker} <= services().keys()
    assert f"INSIDE://{broker}:{port}" in services()["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert settings.serving.host == settings.monitoring.host == "0.0.0.0"  # noqa: S104 - of its container


def test_workers_have_the_slots_that_the_jobs_hold_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = services()["spark-worker"]
    settings = settings_of(services()["jobs"], monkeypatch)
    cores = int(re.search(r"--cores (\d+)", worker["command"])[1])  # type: ignore[index]
    each = settings.kafka.partitions + settings.spark.shuffle_partitions

    # For good those of real-time mode, at times those of three micro-batch queries.
    real_time = settings.spark.live_slots
    assert worker["deploy"]["replicas"] * cores >= real_time + 3 * each

    assert settings.spark.master == worker["command"].split()[-1]
    for volume in (settings.spark.checkpoint_location.removeprefix("file://"), str(settings.forecasting.models)):
        assert any(f":{volume}" in mounted for mounted in worker["volumes"])
        assert any(f":{volume}" in mounted for mounted in services()["jobs"]["volumes"])


def test_prometheus_scrapes_the_same_processes_as_without_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = targets(ROOT / "docker/prometheus_targets.yml")
    outside = targets(ROOT / "conf/prometheus/targets/mdstream.yml")

    assert {process: port for process, (_, port) in inside.items()} == {
        process: port for process, (_, port) in outside.items()
    }
    for process, (host, port) in inside.items():
        assert host == process
        told = re.search(r"--metrics-port (\d+)", services()[host]["command"])
        assert port == (int(told[1]) if told else PORTS[host])


def test_grafana_has_what_its_provisioning_asks_for() -> None:
    asked = (ROOT / "conf/grafana/provisioning/datasources/mdstream.yaml").read_text(encoding="utf-8")
    grafana = services()["grafana"]
    given = {name: value for name, value in grafana["environment"].items() if name.startswith("MDSTREAM_")}

    assert given.keys() == set(re.findall(r"\$\{(\w+)\}", asked))
    database = services()["timescaledb"]["environment"]
    assert given["MDSTREAM_STORES__TIMESCALEDB__DATABASE"] == database["POSTGRES_DB"]
    assert given["MDSTREAM_STORES__TIMESCALEDB__USER"] == database["POSTGRES_USER"]
    assert given["MDSTREAM_STORES__TIMESCALEDB__PORT"] == str(PORTS["timescaledb"])
    assert given["MDSTREAM_PROMETHEUS_URL"] == f"http://prometheus:{published()['prometheus']}"
    dashboards = yaml.safe_load((ROOT / "conf/grafana/provisioning/dashboards/mdstream.yaml").read_text("utf-8"))
    folder = dashboards["providers"][0]["options"]["path"]
    assert f"./conf/grafana/dashboards:{folder}:ro" in grafana["volumes"]


def test_stores_are_made_as_the_settings_name_them() -> None:
    database, influxdb = DEFAULTS.stores.timescaledb, DEFAULTS.stores.influxdb
    made = services()["timescaledb"]["environment"]
    assert (made["POSTGRES_DB"], made["POSTGRES_USER"]) == (database.database, database.user)
    made = services()["influxdb"]["environment"]
    assert made["DOCKER_INFLUXDB_INIT_ORG"] == influxdb.organisation
    assert made["DOCKER_INFLUXDB_INIT_BUCKET"] == influxdb.bucket


def test_env_example_lists_every_variable_and_none_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    file = ROOT / ".env.example"
    listed = dotenv_values(file)

    assert variables() - {"MDSTREAM_STORES__INFLUXDB__ENABLED"} <= listed.keys()
    # Unknown settings of ours are refused.
    for name, value in listed.items():
        monkeypatch.setenv(name, value or "")
    load_settings(ROOT / "conf" / "mdstream.yaml")
    strangers = {name for name in listed if not name.startswith("MDSTREAM_")} - variables()
    assert strangers == {"SLACK_WEBHOOK_URL"}


def test_versions_are_pinned_and_those_that_the_tests_run_on() -> None:
    images = {name: service["image"] for name, service in services().items()}
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    for image in (*images.values(), *bases):
        assert re.search(r":v?\d+\.\d+\.\d+", image), image

    assert images["kafka"].endswith(KAFKA_SERVER_PACKAGE.rpartition(":")[2])
    module = (ROOT / "ci/influxd/go.mod").read_text(encoding="utf-8")
    assert f"influxdb/v2 v{images['influxdb'].rpartition(':')[2]}" in module
    assert {images[name] for name in ours()} == {f"mdstream:{mdstream.__version__}"}


def test_volumes_are_declared_used_and_their_files_there() -> None:
    mounts = [mount for service in services().values() for mount in service.get("volumes", [])]
    sources = {mount.split(":")[0] for mount in mounts}

    assert {source for source in sources if not source.startswith(".")} == compose()["volumes"].keys()
    for source in sources:
        assert not source.startswith(".") or (ROOT / source).exists(), source


def test_every_service_has_limits_and_what_stays_up_is_watched() -> None:
    for name, service in services().items():
        limits = service["deploy"]["resources"]["limits"]
        assert {"memory", "pids"} == limits.keys(), name
        assert ("healthcheck" in service) == (service["restart"] != "no"), name
