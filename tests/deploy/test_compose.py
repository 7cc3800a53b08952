"""docker-compose.yml and what it mounts and builds, as far as they can be checked without a Docker engine."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from hub.runtime import health_routes
from hub.vault import Keyring
from hubctl.app import app
from hubctl.logins import ROLES, login_name

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")
BUILT = {name: service["build"] for name, service in SERVICES.items() if "build" in service}
OURS = {"gateway", "transformer", "sync-worker", "webhook-dispatcher", "audit"}
VARIABLE = re.compile(r"\$\{([A-Z_]+)(:[?-])?")


def test_the_five_services_and_what_they_stand_on_are_there() -> None:
    assert SERVICES.keys() >= OURS | {"migrate", "hubctl", "postgres", "rabbitmq", "prometheus", "grafana"}


@pytest.mark.parametrize("name", BUILT)
def test_build_contexts_and_arguments_exist(name: str) -> None:
    build = BUILT[name]
    context = ROOT / build["context"]
    assert (context / build["dockerfile"]).is_file()
    project = context / build["args"]["PROJECT"]
    assert (project / "pyproject.toml").is_file()
    assert (project / "src" / build["args"]["MODULE"] / "__main__.py").is_file()


@pytest.mark.parametrize("name", sorted(OURS))
def test_each_service_is_its_own_and_has_its_own_login(name: str) -> None:
    module = name.replace("-", "_")
    assert BUILT[name]["args"] == {"PROJECT": f"services/{name}", "MODULE": module}
    assert login_name(f"hub_{module}") in SERVICES[name]["environment"]["HUB_DATABASE_URL"]
    assert f"hub_{module}" in ROLES


def test_dependencies_are_services_and_conditions_can_come_true() -> None:
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in SERVICES
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[needed]


def test_mounted_files_exist_and_volumes_are_declared() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), source
            else:
                assert source in COMPOSE["volumes"]
        for secret in service.get("secrets", []):
            assert secret in COMPOSE["secrets"]


def test_secrets_have_no_default_and_the_example_names_every_variable() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    known = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    for variable, how in VARIABLE.findall(TEXT):
        assert variable in known
        assert how == (":?" if "PASSWORD" in variable else ":-")
    assert known >= {COMPOSE["secrets"]["keyring"]["environment"]}
    assert re.findall(r"^\w*(?:PASSWORD|KEYRING)=(.+)$", example, re.MULTILINE) == []


def test_new_env_makes_secrets_that_work(tmp_path: Path) -> None:
    target = tmp_path / "env"
    command = ["sh", str(ROOT / "deploy/new-env.sh"), str(target)]
    subprocess.run(command, check=True, capture_output=True)
    values = dict(line.split("=", 1) for line in target.read_text().splitlines() if re.match("[A-Z]", line))
    assert target.stat().st_mode & 0o777 == 0o600
    assert Keyring.loads(values["HUB_KEYRING"].strip("'")).keys
    passwords = [value for name, value in values.items() if name.endswith("_PASSWORD")]
    assert len(set(passwords)) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", value) for value in passwords), "they stand in URLs"
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1, "it overwrites nothing"


def test_health_command_asks_a_real_endpoint() -> None:
    (path,) = re.findall(r"http://127\.0\.0\.1:8080(/\w+)", DOCKERFILE)
    assert path in {route.path for route in health_routes({})}
    assert "HUB_HTTP_PORT=8080" in DOCKERFILE
    assert "EXPOSE 8080" in DOCKERFILE


@pytest.mark.parametrize("name", ["migrate", "hubctl"])
def test_hubctl_commands_exist(name: str) -> None:
    words = [word for word in SERVICES[name]["command"] if not word.isdigit()]
    options = [word for word in words if word.startswith("--") and word != "--help"]
    group = [word for word in words if not word.startswith("--")]
    answer = CliRunner().invoke(app, [*group, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert answer.exit_code == 0
    assert all(option in answer.output for option in options)


def test_images_run_as_nobody_special() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER hub$", final, re.MULTILINE)
    assert "useradd" in final
