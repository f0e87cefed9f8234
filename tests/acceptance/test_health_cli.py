"""A real canary on a farm as a user starts it, and what the command line tells of it."""

from pathlib import Path

from tests.acceptance.commands import Cli
from tests.waiting import until


def test_a_new_device_gets_a_canary_and_is_learnt(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    started = cli.run("up", timeout_s=90, OPTFARM_CANARY_EVERY_S="86400", OPTFARM_CANARY_IDLE_S="0.1")
    assert started.code == 0, started.err
    try:
        until(lambda: cli.json("devices")[0]["health"]["state"] != "untested", deadline_s=120)
        (device,) = cli.json("devices")
        listed = cli.ok("devices")
        refused = cli.run("devices", "release", device["name"])
        unknown = cli.run("devices", "release", "nobody.cpu")
        anew = cli.json("devices", "release", device["name"], "--anew")
    finally:
        cli.ok("down", timeout_s=60)

    health = device["health"]
    assert (health["state"], health["good"]) == ("learning", int(health["canary"]["verdict"] != "invalid"))
    assert health["canary"]["compute_ns"] > 1e5
    assert health["canary"]["memory_ns"] > 1e5
    assert health["canary"]["null_ci95"][0] < health["canary"]["null_value"] < health["canary"]["null_ci95"][1]
    assert "learning" in listed
    assert refused.code != 0
    assert f"{device['name']} is in no quarantine" in refused.err
    assert unknown.code == 3
    assert anew["health"]["state"] == "untested"
