"""Secrets of the settings: given as they are, or in a file that only the process needs to read."""

from pathlib import Path

from pydantic import SecretStr

from shared.errors import ConfigError
from shared.paths import expanded


def read_secret(value: SecretStr | None, file: Path | None, key: str) -> str | None:
    """Return the secret, from its file if it is kept in one; None: there is none.

    Args:
        value: as the settings hold it; goes before the file.
        file: where it lies instead; white space round it does not count.
        key: the file's setting, for the error.

    Raises:
        ConfigError: the file can't be read.
    """
    if value or not file:
        return value.get_secret_value() if value else None
    try:
        return expanded(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise ConfigError(f"{key}: can't read {file}: {reason}") from None
