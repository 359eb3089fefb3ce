"""How brokers are addressed, and a broker that speaks TLS only to those who sign in."""

import asyncio
import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy import local, topics
from deploy.broker import Kafka
from deploy.process import free_port
from libs.common.bus import Delivery, Message, open_bus
from libs.common.kafka import Brokers
from libs.contracts import TOPICS
from tests.bus.conftest import until
from tests.conftest import need_distributed

SECRET = "p@ss:w/rd"
QUOTED = "p%40ss%3Aw%2Frd"


def test_an_address_without_more_is_plain() -> None:
    assert Brokers.at("kafka://a:9092,b:9092") == ("a:9092,b:9092", {})


def test_tls_checks_the_broker_and_signs_in_where_a_user_is_given() -> None:
    servers, security = Brokers.at("kafka+tls://a:9093")
    assert (servers, security["security_protocol"]) == ("a:9093", "SSL")
    assert security["ssl_context"].check_hostname
    servers, security = Brokers.at(f"kafka+tls://ieum:{QUOTED}@a:9093,b:9093?mechanism=PLAIN")
    assert security["ssl_context"].check_hostname
    assert (servers, {name: value for name, value in security.items() if name != "ssl_context"}) == (
        "a:9093,b:9093",
        {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": "ieum",
            "sasl_plain_password": SECRET,
        },
    )


@pytest.mark.parametrize(
    "url",
    [
        f"kafka://ieum:{QUOTED}@a:9092", "kafka://a:9092?ca=x", "kafka+tls://", "kafka+tls://a:1?verify=no",
        f"kafka+tls://ieum:{QUOTED}@a:1?mechanism=GSSAPI", "kafka+ssl://a:1", "kafkas://a:1", "kafka://",
    ],
)  # fmt: skip
def test_an_address_that_would_be_less_safe_than_it_says_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="BUS_URL") as caught:
        Brokers.at(url)
    assert QUOTED not in str(caught.value)
    assert SECRET not in str(caught.value)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself: alone, and with its key as a broker takes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    pem, pkcs8, bare = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "ca.pem").write_bytes(public)
    (folder / "broker.pem").write_bytes(key.private_bytes(pem, pkcs8, bare) + public)
    return folder / "ca.pem", folder / "broker.pem"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """Port and certificate of a broker's listener with TLS, sign-in by SCRAM-SHA-512 or PLAIN."""
    folder, port = tmp_path_factory.mktemp("guarded"), free_port()
    ca, keys = certificate(folder)
    broker = Kafka(folder / "kafka", free_port(), free_port())
    login = "org.apache.kafka.common.security"
    try:
        if missing := local.missing_tools():
            raise missing[0]
        broker.prepare()
        settings = broker.directory / "server.properties"
        plain = f"PLAINTEXT://127.0.0.1:{broker.port}"
        settings.write_text(
            settings.read_text()
            + f"""
listeners={plain},CONTROLLER://127.0.0.1:{broker.controller_port},SASL_SSL://127.0.0.1:{port}
advertised.listeners={plain},SASL_SSL://127.0.0.1:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location={keys}
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_ieum="{SECRET}";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;
"""
        )
        broker.start()
    except (OSError, RuntimeError) as error:
        need_distributed("Kafka", error)
        raise
    add = ["--alter", "--add-config", f"SCRAM-SHA-512=[iterations=4096,password={SECRET}]"]
    whom = ["--entity-type", "users", "--entity-name", "ieum", "--bootstrap-server", broker.bootstrap]
    broker.tool("kafka.admin.ConfigCommand", *add, *whom)
    yield port, ca
    broker.stop()


@pytest.mark.kafka
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
async def test_events_go_round_over_tls_with_a_password(guarded: tuple[int, Path], mechanism: str) -> None:
    port, ca = guarded
    url = f"kafka+tls://ieum:{QUOTED}@127.0.0.1:{port}?ca={ca}&mechanism={mechanism}"
    await topics.create(Brokers.at(url))
    bus = open_bus(url)
    assert await bus.reachable()
    topic, key = TOPICS[0], f"k-{mechanism}"
    await bus.publish([Message(topic, key, b"{}", ())])
    seen: list[Delivery] = []

    async def take(batch: list[Delivery]) -> None:
        seen.extend(batch)

    reading = asyncio.create_task(bus.consume(f"g-{mechanism}", [topic], take))  # type: ignore[arg-type]
    await until(lambda: any(one.message.key == key for one in seen))
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await bus.close()


@pytest.mark.kafka
@pytest.mark.parametrize(
    "address",
    ["kafka+tls://ieum:wrong@127.0.0.1:{port}?ca={ca}", "kafka+tls://127.0.0.1:{port}?ca={ca}",
     f"kafka+tls://ieum:{QUOTED}@127.0.0.1:{{port}}", "kafka://127.0.0.1:{port}"],
    ids=["wrong password", "nobody", "a broker that nobody vouches for", "plain"],
)  # fmt: skip
async def test_nobody_else_gets_in(guarded: tuple[int, Path], address: str) -> None:
    port, ca = guarded
    bus = open_bus(address.format(port=port, ca=ca))
    assert not await bus.reachable()
    await bus.close()
