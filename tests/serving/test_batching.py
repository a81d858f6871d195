"""Batches: which requests share one, what is cached, who waits for whom, and what happens to failures."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from emoscope.serving.batching import BURST, Batcher, Observer, estimated_tokens
from emoscope.serving.cache import ScoreCache
from emoscope.serving.jobs import AbandonedError, DeadlineError, OverloadedError
from waiting import DEADLINE, until


class Scorer:
    """Scores a text with its length; records its batches, and those that ran in another thread."""

    def __init__(self):
        self.batches = []
        self.in_thread = []
        self.go = threading.Event()
        self.go.set()
        self._home = threading.get_ident()

    def __call__(self, texts):
        self.batches.append(list(texts))
        if threading.get_ident() != self._home:
            self.in_thread.append(list(texts))
            assert self.go.wait(DEADLINE)
        if "fail" in texts:
            raise ValueError("no such thing")
        return [row(text) for text in texts]


class Counts(Observer):
    def __init__(self):
        self.batches = []
        self.hits = self.misses = 0

    def count_batch(self, texts, tokens, budget, seconds):
        self.batches.append((texts, tokens, budget))

    def count_cached(self, hits, misses):
        self.hits += hits
        self.misses += misses


def row(text):
    return ((float(len(text)),), 0, None, None)


@pytest.fixture
def scorer():
    return Scorer()


@pytest.fixture
def batcher(scorer):
    made = []

    def make(
        *,
        tokens_per_second=1e6,
        latency=0.05,
        max_batch_tokens=4096,
        cache=1 << 20,
        observer=None,
        steps=None,
        **others,
    ):
        batcher = Batcher(
            {"lengths": scorer, **others},
            cache=ScoreCache(cache, 1),
            max_batch_tokens=max_batch_tokens,
            target_latency=latency,
            observer=observer,
            step_scorers={"lengths": steps} if steps else None,
        )
        batcher.tokens_per_second = tokens_per_second
        made.append(batcher)
        return batcher

    yield make
    scorer.go.set()
    for each in made:
        each.close()


def gather(*awaitables):
    async def run():
        return await asyncio.gather(*awaitables, return_exceptions=True)

    return asyncio.run(run())


def test_requests_that_arrive_before_the_turn_share_a_batch(batcher, scorer):
    answers = gather(*map(batcher().score, (["a", "bb"], ["ccc"], ["a"])))
    assert answers == [[row("a"), row("bb")], [row("ccc")], [row("a")]]
    assert scorer.batches == [["a", "bb", "ccc"]]
    assert scorer.in_thread == []


def test_cached_texts_are_not_scored_again(batcher, scorer):
    counts = Counts()
    one = batcher(observer=counts)
    gather(one.score(["a", "b"]))
    assert gather(one.score(["b", "c"])) == [[row("b"), row("c")]]
    assert scorer.batches == [["a", "b"], ["c"]]
    assert (counts.hits, counts.misses) == (1, 3)
    assert [(texts, budget) for texts, _, budget in counts.batches] == [(2, 4096), (1, 4096)]


def test_only_rows_of_the_first_scorer_are_cached(batcher, scorer):
    twice = []

    def other(texts):
        twice.append(list(texts))
        return [row(text * 2) for text in texts]

    one = batcher(other=other)
    for _ in range(2):
        assert gather(one.score(["a"]), one.score(["a"], scorer="other")) == [[row("a")], [row("aa")]]
    assert scorer.batches == [["a"]]
    assert twice == [["a"], ["a"]]


def test_batches_stay_within_the_budget_and_small_requests_pass_large_ones(batcher, scorer):
    texts = [f"{i:020}" for i in range(10)]
    one = batcher(max_batch_tokens=3 * estimated_tokens(texts[0]))
    order = []

    async def score(name, texts):
        rows = await one.score(texts)
        order.append(name)
        return rows

    big, small = gather(score("big", texts), score("small", ["small"]))
    assert big == [row(text) for text in texts]
    assert small == [row("small")]
    assert max(map(len, scorer.batches)) <= 4
    assert order == ["small", "big"]
    assert sorted(text for batch in scorer.batches for text in batch) == sorted([*texts, "small"])


def test_text_over_the_budget_gets_a_batch_of_its_own(batcher, scorer):
    long = "long " * 1000
    assert gather(batcher(max_batch_tokens=50).score(["a", long, "b"])) == [[row("a"), row(long), row("b")]]
    assert [long] in scorer.batches


@pytest.mark.parametrize(("text", "times"), [("\ufdfa" * 100, 25), ("😀" * 100, 10), ("我" * 100, 2.5)])
def test_estimate_counts_characters_as_what_the_model_reads(text, times):
    assert estimated_tokens(text) > times * estimated_tokens("a" * 100)


class Steps:
    """Scores a long text in steps, and records them."""

    def __init__(self, scorer, count, *, error=None, held=()):
        self.scorer, self.count, self.error = scorer, count, error
        self.go = {i: threading.Event() for i in held}

    def __call__(self, text, max_tokens):
        for i in range(self.count):
            self.scorer.batches.append(f"step {i} of at most {max_tokens}")
            if i in self.go:
                assert self.go[i].wait(DEADLINE)
            yield None
        if self.error:
            raise self.error
        yield row(text)


@pytest.mark.parametrize("others_in_the_request", [0, 2])
def test_other_texts_are_scored_between_the_steps_of_a_long_one(batcher, scorer, others_in_the_request):
    steps = Steps(scorer, 10, held=(0, 5))
    one = batcher(tokens_per_second=1000, latency=0.4, steps=steps)
    assert one._budget == 100
    long = "long " * 1000
    more = [f"more {i}" for i in range(others_in_the_request)]

    async def small(i):
        await until(lambda: f"step {i} of at most 50" in scorer.batches)
        scored = asyncio.create_task(one.score([f"small {i}"]))
        await asyncio.sleep(0)
        steps.go[i].set()
        await scored
        return scorer.batches.index([f"small {i}"]) - scorer.batches.index(f"step {i} of at most 50")

    answer, *turns = gather(one.score([*more, long, *more]), small(0), small(5))
    assert answer == list(map(row, [*more, long, *more]))
    assert max(turns) <= 2
    assert one.waiting_tokens == 0


def test_steps_that_fail_fail_their_caller_alone(batcher, scorer):
    one = batcher(tokens_per_second=1000, latency=0.4, steps=Steps(scorer, 3, error=ValueError("broken")))
    failed, fine = gather(one.score(["long " * 1000]), one.score(["fine"]))
    assert isinstance(failed, ValueError)
    assert fine == [row("fine")]
    assert one.waiting_tokens == 0
    assert gather(one.score(["after"])) == [[row("after")]]


def test_steps_end_when_no_one_waits_for_them(batcher, scorer):
    one = batcher(tokens_per_second=1000, latency=0.4, steps=Steps(scorer, 1_000_000))

    async def run():
        with pytest.raises(DeadlineError):
            await one.score(["long " * 1000], timeout=0.2)
        assert await one.score(["after"]) == [row("after")]

    asyncio.run(run())
    assert one.waiting_tokens == 0


def test_steps_follow_one_another_while_no_one_else_waits(batcher, scorer):
    counts = Counts()
    one = batcher(tokens_per_second=1000, latency=0.4, steps=Steps(scorer, 10), observer=counts)
    assert gather(one.score(["long " * 1000])) == [[row("long " * 1000)]]
    assert len(counts.batches) < 10
    assert one.scored_tokens == sum(tokens for _, tokens, _ in counts.batches) == 10 * 50


def test_slow_batch_runs_in_the_thread_while_the_loop_continues(batcher, scorer):
    one = batcher(tokens_per_second=100)
    scorer.go.clear()

    async def run():
        waiting = asyncio.create_task(one.score(["a" * 10]))
        await until(lambda: scorer.in_thread)
        assert not waiting.done()
        scorer.go.set()
        return await waiting

    assert asyncio.run(run()) == [row("a" * 10)]
    assert scorer.in_thread == [["a" * 10]]


def test_request_that_does_not_fit_into_the_queue_is_refused_at_once(batcher, scorer):
    one = batcher(tokens_per_second=1000, latency=0.05 / BURST)  # 50 tokens
    assert one.max_waiting_tokens == 50
    answers = gather(*(one.score(["x" * 40 + str(i)]) for i in range(6)))  # 13 tokens each
    refused = [answer for answer in answers if isinstance(answer, OverloadedError)]
    assert [isinstance(answer, OverloadedError) for answer in answers] == [False] * 3 + [True] * 3
    assert all(0 < error.retry_after < 0.1 for error in refused)
    assert one.waiting_tokens == 0


def test_request_of_any_size_is_accepted_when_nothing_waits(batcher):
    texts = [f"text {i}" for i in range(100)]
    assert gather(batcher(tokens_per_second=1000).score(texts)) == [[row(text) for text in texts]]


def test_bulk_work_waits_in_a_queue_of_its_own(batcher, scorer):
    one = batcher(tokens_per_second=1000, latency=0.1, max_batch_tokens=25)
    scorer.go.clear()

    async def run():
        bulk = asyncio.create_task(one.score([f"bulk text {i:03}" for i in range(200)]))
        await until(lambda: scorer.in_thread)
        with pytest.raises(OverloadedError):
            await one.score([f"more text {i:03}" for i in range(200)])
        assert not one.is_full
        small = [asyncio.create_task(one.score([f"small {i}"])) for i in range(8)]
        await asyncio.sleep(0)
        scorer.go.set()
        await asyncio.gather(*small)
        assert len(await bulk) == 200

    asyncio.run(run())
    order = [text for batch in scorer.batches for text in batch]
    assert order.index("small 7") < 40
    assert one.waiting_tokens == 0


def test_bulk_work_is_not_starved_by_small_requests(batcher, scorer):
    one = batcher(tokens_per_second=1000, latency=10, max_batch_tokens=20)

    async def run():
        scored = asyncio.gather(one.score(["bulk" + "x" * 40] * 2), *(one.score([f"small {i}"]) for i in range(50)))
        await scored

    asyncio.run(run())
    order = [text for batch in scorer.batches for text in batch]
    assert order.index("bulk" + "x" * 40) < len(order) - 2


def test_callers_that_wait_if_full_are_not_refused(batcher):
    one = batcher(tokens_per_second=1000, latency=0.02)
    answers = gather(*(one.score(["x" * 40 + str(i)], wait_if_full=True) for i in range(6)))
    assert all(isinstance(answer, list) for answer in answers)


def test_speed_recovers_from_an_estimate_so_low_that_batches_are_small(batcher):
    one = batcher(tokens_per_second=1000, latency=0.02)
    gather(*(one.score(["x" * 40 + str(i)], wait_if_full=True) for i in range(6)))
    assert one.tokens_per_second > 2000


def test_one_slow_batch_does_not_lower_the_speed(batcher):
    one = batcher(sleepy=lambda texts: (time.sleep(0.05), [row(text) for text in texts])[1])
    long = ["x" * 4000 + str(i) for i in range(4)]
    gather(one.score(long[:2]))
    speed = one.tokens_per_second
    gather(one.score(long[2:], scorer="sleepy"))
    assert one.tokens_per_second == speed


def test_equal_texts_in_a_batch_count_once_for_the_speed(batcher):
    one = batcher(sleepy=lambda texts: (time.sleep(0.05), [row(text) for text in texts])[1])
    gather(*(one.score(["x" * 4000], scorer="sleepy") for _ in range(4)))
    assert one.tokens_per_second < 1000 / 0.05 * 1.1


def test_failed_batch_fails_only_its_own_callers(batcher):
    one = batcher(tokens_per_second=1000, latency=10, max_batch_tokens=20)
    failed, fine = gather(one.score(["fail" * 20, "fail"]), one.score(["fine" * 10]))
    assert isinstance(failed, ValueError)
    assert fine == [row("fine" * 10)]
    assert gather(one.score(["after"])) == [[row("after")]]
    assert one.waiting_tokens == 0


def test_request_past_its_deadline_fails_and_is_never_scored(batcher, scorer):
    one = batcher(tokens_per_second=100, latency=10)
    scorer.go.clear()

    async def run():
        first = asyncio.create_task(one.score(["first"]))
        await until(lambda: scorer.in_thread)
        (outcome,) = await asyncio.gather(one.score(["late"], timeout=0.05), return_exceptions=True)
        assert not first.done()
        scorer.go.set()
        await first
        return outcome

    assert isinstance(asyncio.run(run()), DeadlineError)
    assert scorer.batches == [["first"]]
    assert one.waiting_tokens == 0


def test_deadline_ends_the_wait_for_a_running_batch(batcher, scorer):
    one = batcher(tokens_per_second=100)
    scorer.go.clear()
    (outcome,) = gather(one.score(["slow"], timeout=0.05))
    assert isinstance(outcome, DeadlineError)


@pytest.mark.parametrize("way", ["abandoned", "cancelled"])
def test_abandoned_request_is_dropped_before_its_batch(batcher, scorer, way):
    one = batcher(tokens_per_second=100, latency=10)
    scorer.go.clear()

    async def run():
        first = asyncio.create_task(one.score(["first"]))
        await until(lambda: scorer.in_thread)
        asked = asyncio.Event()
        gone = asyncio.Event()

        async def abandon_when():
            asked.set()
            await gone.wait()

        leaving = asyncio.create_task(one.score(["leaving"], abandon_when=abandon_when))
        staying = asyncio.create_task(one.score(["staying"]))
        await asyncio.wait_for(asked.wait(), DEADLINE)
        gone.set() if way == "abandoned" else leaving.cancel()
        outcome = await asyncio.gather(leaving, return_exceptions=True)
        scorer.go.set()
        await first
        assert await staying == [row("staying")]
        return outcome[0]

    assert isinstance(asyncio.run(run()), AbandonedError if way == "abandoned" else asyncio.CancelledError)
    assert scorer.batches == [["first"], ["staying"]]
    assert one.waiting_tokens == 0


def test_warm_up_measures_the_speed(batcher, scorer):
    one = batcher(latency=None)
    one.warm_up(["a text of ordinary length"] * 32)
    assert one.tokens_per_second > 1000
    assert one.target_latency >= 0.025
