import pytest

from kogge.spapi import AmazonError, AskHuman, FixSettings, NotFound, OutcomeUnknown, Throttled, TryLater


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            TryLater("no connection", operation="getOrder"),
            "getOrder failed: no connection.",
        ),
        (
            Throttled(operation="searchOrders", retry_after=178.6),
            "searchOrders has to wait: the quota is used up; next try in 179 s.",
        ),
        (
            OutcomeUnknown("no answer in time", operation="createFeed"),
            "createFeed may or may not have taken effect: no answer in time.",
        ),
        (
            AskHuman(
                "Invalid date.", operation="searchOrders", code="InvalidInput", status=400, request_id="r-7"
            ),
            "Amazon refused searchOrders: InvalidInput: Invalid date (HTTP 400, request id r-7).",
        ),
        (
            NotFound(operation="getOrder", status=404),
            "Amazon refused getOrder: no reason given (HTTP 404).",
        ),
        (
            FixSettings("Token revoked", operation="lwaToken", reason="invalid_grant", status=400),
            "Amazon does not accept the connection at lwaToken (invalid_grant): Token revoked (HTTP 400).",
        ),
    ],
)
def test_an_error_prints_itself_as_one_sentence(error: AmazonError, text: str) -> None:
    assert str(error) == text


def test_amazons_message_is_scrubbed_of_mails_and_tokens() -> None:
    message = (
        "buyer erika@marketplace.amazon.de with Atza|IwEBIsecret, amzn1.oa2-cs.v1.abc and " + "A1b2" * 20
    )

    error = AskHuman(message, operation="getOrder", code="InvalidInput")

    assert error.message == "buyer […] with […] […] and […]"


def test_amazons_message_is_one_line_of_at_most_300_characters() -> None:
    error = AskHuman("many words\n\0" * 100, operation="getOrder")

    assert len(error.message) <= 300
    assert error.message.isprintable()


def test_the_kinds_of_failure_are_caught_by_their_consequence() -> None:
    assert issubclass(Throttled, TryLater)
    assert issubclass(OutcomeUnknown, TryLater)
    assert issubclass(NotFound, AskHuman)
    assert not issubclass(FixSettings, TryLater | AskHuman)
