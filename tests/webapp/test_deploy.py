"""The files for containers name what exists: settings, commands, paths."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from webapp import config, server_cli, upkeep_cli
from webapp.config import read_config

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "webapp" / "deploy"


def test_settings_of_the_compose_file_are_read(tmp_path: Path) -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    names = set(re.findall(r"^ +((?:LENS|DATABASE)_\w+):", text, re.MULTILINE))
    assert names == {"DATABASE_URL", "LENS_HTTPS", "LENS_PROXIES", "LENS_TRUSTED_HOSTS"}
    source = Path(config.__file__).read_text("utf-8")
    assert all(f'env["{name}"]' in source for name in names)
    url = re.search(r"DATABASE_URL: (\S+?)\$\{[^}]+\}(\S+)", text)
    assert url is not None
    found = read_config(tmp_path, {"DATABASE_URL": f"{url[1]}secret{url[2]}", "LENS_HTTPS": "1"})
    assert found.url == "postgresql+psycopg://lens:secret@database/lens"
    hosts = re.search(r"LENS_TRUSTED_HOSTS: \$\{[^}]+\}(\S*)", text)
    assert hosts is not None
    found = read_config(tmp_path, {"LENS_TRUSTED_HOSTS": f"lab.example{hosts[1]}"})
    assert found.trusted_hosts == ("lab.example", "127.0.0.1"), "the health check asks for itself"


def test_commands_of_the_files_exist() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    words = [line.split(", ") for line in re.findall(r"command: \[(.+)\]", text)]
    assert {tuple(each[:2]) for each in words} == {("server", "tidy"), ("server", "backup")}
    for group, name, *options in words:
        assert group == "server"
        known = CliRunner().invoke(getattr(upkeep_cli, name), ["--help"]).output
        assert all(option in known for option in options if option.startswith("--"))
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert 'CMD ["serve", "--dir", "/data"' in dockerfile
    known = CliRunner().invoke(server_cli.serve, ["--help"]).output
    for option in re.findall(r'"(--\w+)"', dockerfile):
        assert option in known
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        assert all((ROOT / each).exists() for each in source.split())


def test_everything_that_is_copied_is_let_into_the_build() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
    sources = {source for each in copied for source in each.split()}
    assert {line[1:] for line in ignore if line.startswith("!")} == sources
    assert "*" in ignore
    assert {"**/node_modules", "webapp/static/dist"} <= set(ignore)
