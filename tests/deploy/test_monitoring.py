"""Prometheus and Grafana ask for metrics that exist, and every alert's page section is there."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import REGISTRY

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCS = DEPLOY.parent / "docs"
METRICS = ("hub.bus.metrics", "hub.telemetry.metrics", "sync_worker.metrics")
GIVEN = re.compile(r"up$|process_|rabbitmq_")
NAME = re.compile(r"\b(?:hub_[a-z_]+|up|process_[a-z_]+|rabbitmq_[a-z_]+)\b")


def known_samples() -> set[str]:
    for module in METRICS:
        import_module(module)
    names: set[str] = set()
    for metric in REGISTRY.collect():
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(metric.type, ("",))
        names |= {metric.name + ending for ending in endings}
    return names


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    dashboard = json.loads((DEPLOY / "grafana/dashboards/hub.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        yield from (query["expr"] for query in panel.get("targets", []))


def test_every_metric_asked_for_exists() -> None:
    known = known_samples()
    asked = {name for expression in expressions() for name in NAME.findall(expression)}
    assert {name for name in asked if not GIVEN.match(name)} - known == set()
    assert len(asked) > 15


def test_every_alert_has_its_section_in_the_operations_page() -> None:
    text = (DOCS / "operations.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for rule in rules():
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/operations.md"
        assert anchor in anchors, rule["alert"]


def test_prometheus_scrapes_every_service() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text(encoding="utf-8"))
    compose = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text(encoding="utf-8"))
    (hub,) = (job for job in config["scrape_configs"] if job["job_name"] == "hub")
    names = hub["dns_sd_configs"][0]["names"]
    assert set(names) == {name for name in compose["services"] if (DEPLOY.parent / "services" / name).is_dir()}
    assert config["rule_files"] == ["alerts.yml"]


def test_grafana_finds_its_dashboard_and_source() -> None:
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/hub.yml").read_text(encoding="utf-8"))
    compose = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text(encoding="utf-8"))
    mounts = dict(volume.split(":")[:2] for volume in compose["services"]["grafana"]["volumes"])
    path = provider["providers"][0]["options"]["path"]
    assert path in mounts.values()
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text(encoding="utf-8"))
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
