"""What a first start of docker-compose.yml needs: passwords that nobody else has, and a certificate for TLS.

`python -m containers.first_start SECRETS TLS` writes what is missing into the two folders, and leaves what is
there. Readable for its group, which docker-compose.yml gives to those containers that need it.
"""

import secrets
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PASSWORDS = (
    "mysql_root_password",
    "mysql_password",
    "redis_password",
    "s3_access_key",
    "s3_secret_key",
)
# Long enough for S3's secret keys, short enough for its access keys (3 to 20 letters in MinIO).
_PASSWORD_BYTES = {"s3_access_key": 10}
# As long as browsers take a certificate; made anew a month before that.
_CERTIFICATE_DAYS = 398
_RENEWED_DAYS = 30
_NAMES = ("localhost", "127.0.0.1", "::1")


def write_secrets(folder: Path) -> None:
    """A file each: the passwords, and what is made of them for Redis and for our own processes."""
    drawn = {
        name: _kept(folder / name, secrets.token_hex(_PASSWORD_BYTES.get(name, 20))) for name in PASSWORDS
    }
    _write(folder / "redis.conf", f"requirepass {drawn['redis_password']}\n")
    _write(folder / "redis_url", f"redis://:{drawn['redis_password']}@redis:6379/0\n")
    _write(folder / "database_url", f"mysql+pymysql://veilgate:{drawn['mysql_password']}@mysql/veilgate\n")


def write_certificate(folder: Path) -> None:
    """`fullchain.pem` and `key.pem`, signed by itself, unless they will do for another month."""
    if _does(folder / "fullchain.pem") and (folder / "key.pem").is_file():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    unprotected = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unprotected)
    # The key first: after a death in between, the certificate is missing and both are made anew.
    (folder / "fullchain.pem").unlink(missing_ok=True)
    _write(folder / "key.pem", pem.decode())
    _write(folder / "fullchain.pem", _signed(key).public_bytes(serialization.Encoding.PEM).decode())


def _signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _NAMES[0])])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_CERTIFICATE_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general_name(one) for one in _NAMES]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _does(path: Path) -> bool:
    if not path.is_file():
        return False
    left = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc - datetime.now(UTC)
    return left > timedelta(days=_RENEWED_DAYS)


def _kept(path: Path, fresh: str) -> str:
    """What the file says; a file that is not there says `fresh` from now on."""
    if not path.is_file():
        _write(path, f"{fresh}\n")
    return path.read_text().strip()


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    unfinished = path.with_suffix(".new")
    unfinished.touch()
    unfinished.chmod(0o640)
    unfinished.write_text(text)
    unfinished.replace(path)


def main(arguments: list[str]) -> int:
    secrets_folder, tls_folder = map(Path, arguments)
    write_secrets(secrets_folder)
    write_certificate(tls_folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
