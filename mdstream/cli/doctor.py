"""`mdstream doctor`: what is there, what is missing, and how to fix it."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import output, table_of
from mdstream.config import load_settings

if TYPE_CHECKING:
    from mdstream.monitoring.findings import Finding


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    config: ConfigFile = None,
) -> None:
    """Say for Python, Java, Spark, Kafka, the database and Redis: is it there, which version, what is missing.

    Looks where the configuration points, changes nothing and takes a few seconds at most. Exit code 1 if mdstream
    cannot work with what was found, with the commands that mend it.

    Example: `mdstream doctor --json`
    """
    # Imported here so that `mdstream --help` stays quick.
    from mdstream.monitoring.doctor import check_servers
    from mdstream.monitoring.runtime import check_runtime

    # A server that is not there is a finding, not a warning of the client library.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    settings = load_settings(config)
    findings = [*check_runtime(settings.spark), *check_servers(settings)]
    if as_json:
        output.print_json(json.dumps([asdict(finding) | {"ok": finding.ok} for finding in findings]))
    else:
        output.print(_table(findings))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _table(findings: list[Finding]) -> Table:
    table = table_of("", "state", "version", "what was found, and what to do")
    table.show_lines = True
    for finding in findings:
        lines = [finding.where]
        lines += [f"[dim]{escape(detail)}[/]" for detail in finding.details]
        trouble = "missing" if finding.reachable else "reason"
        lines += [f"[red]{trouble}:[/] {escape(missing)}" for missing in finding.missing]
        lines += [f"[yellow]fix:[/] {escape(fix)}" for fix in finding.fixes]
        table.add_row(finding.component, _state(finding), finding.version, "\n".join(lines))
    return table


def _state(finding: Finding) -> str:
    if finding.ok:
        return "[green]ok[/]"
    return "[red]incomplete[/]" if finding.reachable else "[red]not reachable[/]"
