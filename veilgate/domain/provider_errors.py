"""Every way in which asking a provider goes wrong, a branch of the tree of domain/errors.py.

    LookupFailed
    ├── ProviderThrottled      it says "slow down"
    ├── ProviderBusy           more is asked of it here than it may be asked: it was not asked in time
    ├── ProviderDown           it cannot be reached, hangs, or says that it is broken
    ├── ProviderBroken         what it answered makes no sense
    ├── OutOfCredit            the account has nothing left, for today or at all
    ├── KeyRefused             it does not take our key, or the key may not do this
    ├── QuestionRefused        it will not answer this question, whenever it is asked
    │   └── PutAnotherWay      but may answer it put another way, which the adapter knows
    ├── ProviderResting        it failed too often of late: nobody is asked until a pause is over
    ├── BudgetSpent            what may be spent on it in a day is spent
    ├── NothingAnswered        no provider that was asked answered
    └── PageUnreadable         a page of the producer could not be fetched or read

None of them says a key, an address with a key in it, or a body of an answer.
"""

from veilgate.domain.errors import VeilgateError
from veilgate.domain.lookups import Bill


class LookupFailed(VeilgateError):
    """A lookup failed."""

    # What was asked in vain has its price all the same.
    bill: Bill = Bill()

    def __init__(self, message: str = "", *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ProviderThrottled(LookupFailed):
    """The provider asks for fewer questions in this time."""

    code = "provider_throttled"
    retryable = True


class ProviderBusy(LookupFailed):
    """More is asked of the provider here than it may be asked."""

    code = "provider_busy"
    retryable = True


class ProviderDown(LookupFailed):
    """The provider did not answer."""

    code = "provider_down"
    retryable = True


class ProviderBroken(LookupFailed):
    """The provider's answer could not be read."""

    code = "provider_broken"
    retryable = True


class OutOfCredit(LookupFailed):
    """The account at the provider has nothing left."""

    code = "provider_out_of_credit"


class KeyRefused(LookupFailed):
    """The provider does not accept the key."""

    code = "provider_key_refused"


class QuestionRefused(LookupFailed):
    """The provider refuses to answer this question."""

    code = "provider_refused"


class PutAnotherWay(QuestionRefused):
    """The provider does not answer the question as it was put."""

    code = "provider_asks_otherwise"


class ProviderResting(LookupFailed):
    """The provider failed too often of late and is left alone for a while."""

    code = "provider_resting"
    retryable = True


class BudgetSpent(LookupFailed):
    """What may be spent on the provider in a day is spent."""

    code = "budget_spent"


class NothingAnswered(LookupFailed):
    """No provider that was asked answered."""

    code = "nothing_answered"
    retryable = True


class PageUnreadable(LookupFailed):
    """The page could not be fetched or read."""

    code = "page_unreadable"
