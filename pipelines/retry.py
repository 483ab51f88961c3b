"""Which failures deserve another try."""

from geo.errors import ProviderUnavailableError

DELAYS_SECONDS = [10, 60, 300]


def is_transient(error: BaseException) -> bool:
    """Return whether trying again may help: only when a provider did not answer."""
    return isinstance(error, ProviderUnavailableError)
