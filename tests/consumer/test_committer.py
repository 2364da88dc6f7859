import asyncio
import logging
from contextlib import asynccontextmanager
from random import Random

import pytest

from kafkalite.consumer.committer import LANE, Committer
from kafkalite.errors import (
    CommitFailedError,
    FencedInstanceIdError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaTimeoutError,
    OffsetMetadataTooLargeError,
    RebalanceInProgressError,
    TopicAuthorizationFailedError,
    UnknownMemberIdError,
    UnsupportedVersionError,
    error_for,
)
from kafkalite.protocol.messages.find_coordinator import FindCoordinatorRequest
from kafkalite.protocol.messages.offset_commit import OffsetCommitRequest
from kafkalite.protocol.messages.offset_fetch import OffsetFetchRequest
from kafkalite.types import ConsumerGroupMetadata, OffsetAndMetadata, TopicPartition

from .group.scripted_group import ScriptedGroup, config
from .group.virtual_time import in_virtual_time, settle

T0, T1 = TopicPartition("t", 0), TopicPartition("t", 1)
FIVE = {T0: OffsetAndMetadata(5, "text", 2)}
REBALANCING, UNKNOWN, ILLEGAL, FENCED = 27, 25, 22, 82


class Member:
    """What the committer asks the group coordinator."""

    def __init__(self, generation=3):
        self.metadata = ConsumerGroupMetadata("g", generation, "me" if generation >= 0 else "", "static")
        self.refusal = None
        self.refused = []

    def commit_refusal(self):
        return self.refusal

    def on_commit_refused(self, code, sent_as):
        self.refused.append((code, sent_as))
        return error_for(code, "told by the member")


class Room:
    def __init__(self, cluster, member, **options):
        self.cluster, self.member = cluster, member
        self.config = config(**options)
        self.client = cluster.client(self.config)
        self.committer = Committer(
            self.config, self.client, member=lambda: self.member.metadata, rng=Random(1)
        )
        self.committer.membership = member if member.metadata.generation_id >= 0 else None

    @staticmethod
    def within(seconds):
        return asyncio.get_running_loop().time() + seconds

    async def commit(self, offsets=FIVE, seconds=60):
        await self.committer.commit(offsets, self.within(seconds))

    async def committed(self, *partitions, seconds=60):
        return await self.committer.committed(partitions, self.within(seconds))


@asynccontextmanager
async def room(*, versions=None, nodes=(1,), generation=3, **options):
    cluster = ScriptedGroup(nodes, versions)
    cluster.topic("t", 2)
    made = Room(cluster, Member(generation), **options)
    made.client.metadata.set_topics(["t"])
    await made.client.start()
    try:
        yield made
    finally:
        await made.committer.close()
        await made.client.close()


# Storing.


@in_virtual_time
async def test_commit():
    async with room() as r:
        await r.commit()
        assert r.cluster.committed == FIVE
        (request,) = r.cluster.sent(OffsetCommitRequest)
        assert (request.generation_id_or_member_epoch, request.member_id) == (3, "me")
        assert request.group_instance_id == "static"
        assert r.cluster.versions_of(OffsetCommitRequest) == [10]


@in_virtual_time
async def test_commits_have_a_lane_of_their_own():
    async with room() as r:
        await r.commit()
        assert r.client._pool.ready(1, LANE) is not None
        assert not r.cluster.wires(OffsetCommitRequest) & r.cluster.wires(FindCoordinatorRequest)


@in_virtual_time
async def test_nothing_to_commit_is_nothing_to_send():
    async with room() as r:
        await r.commit({})
        assert not r.cluster.sent(OffsetCommitRequest)
        with pytest.raises(ValueError, match="t-0 is negative: -1"):
            await r.commit({T0: OffsetAndMetadata(-1)})


@in_virtual_time
async def test_without_membership_nobody_commits():
    async with room(generation=-1) as r:
        await r.commit()
        (request,) = r.cluster.sent(OffsetCommitRequest)
        assert (request.generation_id_or_member_epoch, request.member_id) == (-1, "")
        assert request.group_instance_id is None


@in_virtual_time
async def test_topics_without_known_ids_go_by_name():
    async with room() as r:
        r.cluster.topic("later")
        await r.commit({TopicPartition("later", 0): OffsetAndMetadata(1)})
        assert r.cluster.versions_of(OffsetCommitRequest) == [9]


@pytest.mark.parametrize("code", [14, 3, 100])
@in_virtual_time
async def test_what_passes_is_tried_again(code):
    async with room() as r:
        r.cluster.script(OffsetCommitRequest, code, code)
        await r.commit()
        assert r.cluster.committed == FIVE
        assert len(r.cluster.sent(OffsetCommitRequest)) == 3
        assert len(r.cluster.sent(FindCoordinatorRequest)) == 1


@pytest.mark.parametrize("trouble", [15, 16, 7, KafkaConnectionError("cut")])
@in_virtual_time
async def test_a_coordinator_that_moved_is_looked_up_again(trouble):
    async with room(nodes=(1, 2)) as r:

        def move(request):
            r.cluster.coordinator = 2
            return trouble

        r.cluster.script(OffsetCommitRequest, move)
        await r.commit()
        assert r.cluster.nodes_asked(OffsetCommitRequest) == [1, 2]
        assert r.cluster.committed == FIVE


@in_virtual_time
async def test_a_silent_coordinator_is_given_up():
    async with room(request_timeout_ms=5000) as r:
        r.cluster.script(OffsetCommitRequest, asyncio.Event())
        await r.commit()
        assert r.cluster.committed == FIVE
        assert len(r.cluster.sent(FindCoordinatorRequest)) == 2


@in_virtual_time
async def test_only_what_is_missing_is_sent_again():
    async with room() as r:
        r.cluster.script(OffsetCommitRequest, r.cluster.commit_answer({1: 14}))
        await r.commit({T0: OffsetAndMetadata(1), T1: OffsetAndMetadata(2)})
        _, second = r.cluster.sent(OffsetCommitRequest)
        assert [p.partition_index for t in second.topics for p in t.partitions] == [1]


@in_virtual_time
async def test_a_partition_that_the_answer_leaves_out_was_not_stored():
    async with room() as r:
        empty = r.cluster.commit_answer({})
        r.cluster.script(OffsetCommitRequest, lambda request: (request.topics.clear(), empty(request))[1])
        await r.commit()
        assert len(r.cluster.sent(OffsetCommitRequest)) == 2


@in_virtual_time
async def test_the_deadline_names_the_cause():
    async with room() as r:
        r.cluster.script(OffsetCommitRequest, *[14] * 1000)
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(KafkaTimeoutError, match=r"committing 1 offsets of group 'g'.*COORDINATOR_LOAD"):
            await r.commit(seconds=20)
        assert loop.time() - began == pytest.approx(20)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (30, GroupAuthorizationFailedError, "t-0 at node 1"),
        (29, TopicAuthorizationFailedError, "t-0 at node 1"),
        (12, OffsetMetadataTooLargeError, "t-0 at node 1"),
    ],
)
@in_virtual_time
async def test_what_does_not_pass_is_raised(code, kind, words):
    async with room() as r:
        r.cluster.script(OffsetCommitRequest, code)
        with pytest.raises(kind, match=words):
            await r.commit()
        assert len(r.cluster.sent(OffsetCommitRequest)) == 1


@in_virtual_time
async def test_what_does_not_pass_comes_first():
    async with room() as r:
        r.cluster.script(OffsetCommitRequest, r.cluster.commit_answer({0: 14, 1: 29}))
        with pytest.raises(TopicAuthorizationFailedError, match="t-1"):
            await r.commit({T0: OffsetAndMetadata(1), T1: OffsetAndMetadata(2)})


@pytest.mark.parametrize("code", [REBALANCING, UNKNOWN, ILLEGAL, FENCED])
@in_virtual_time
async def test_what_a_refusal_means_is_the_members_to_say(code):
    async with room() as r:
        r.cluster.script(OffsetCommitRequest, code)
        with pytest.raises(type(error_for(code)), match="told by the member"):
            await r.commit()
        assert r.member.refused == [(code, r.member.metadata)]


@in_virtual_time
async def test_a_member_that_may_not_commit_sends_nothing():
    async with room() as r:
        r.member.refusal = RebalanceInProgressError("not now")
        with pytest.raises(RebalanceInProgressError, match="not now"):
            await r.commit()
        assert not r.cluster.sent(OffsetCommitRequest)


@in_virtual_time
async def test_partitions_assigned_by_hand_and_a_group_with_members():
    async with room(generation=-1) as r:
        r.cluster.script(OffsetCommitRequest, UNKNOWN, FENCED)
        with pytest.raises(CommitFailedError, match=r"has members.*assigned by hand.*Use another group_id"):
            await r.commit()
        with pytest.raises(FencedInstanceIdError):
            await r.commit()
        assert not issubclass(CommitFailedError, UnknownMemberIdError)


@in_virtual_time
async def test_commits_keep_their_order():
    async with room() as r:
        r.cluster.script(OffsetCommitRequest, 14)
        older = asyncio.create_task(r.commit({T0: OffsetAndMetadata(1)}))
        newer = asyncio.create_task(r.commit({T0: OffsetAndMetadata(2)}))
        await asyncio.gather(older, newer)
        sent = [
            p.committed_offset
            for request in r.cluster.sent(OffsetCommitRequest)
            for topic in request.topics
            for p in topic.partitions
        ]
        assert sent == [1, 1, 2]
        assert r.cluster.committed[T0].offset == 2


@in_virtual_time
async def test_a_commit_behind_one_that_hangs_has_its_own_deadline():
    async with room() as r:
        r.cluster.script(OffsetCommitRequest, asyncio.Event())
        hanging = asyncio.create_task(r.commit(seconds=1000))
        await settle()
        with pytest.raises(KafkaTimeoutError, match="an earlier commit was still under way"):
            await r.commit(seconds=5)
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
        await r.commit(seconds=100)  # the turn was given back


@in_virtual_time
async def test_an_old_broker():
    versions = {OffsetCommitRequest: (2, 2), OffsetFetchRequest: (1, 5)}
    async with room(versions=versions, generation=-1) as r:
        await r.commit()
        assert await r.committed(T0) == {T0: OffsetAndMetadata(5, "text", -1)}


# Reading.


@in_virtual_time
async def test_committed():
    async with room() as r:
        await r.commit()
        assert await r.committed(T0, T1, T0) == {T0: OffsetAndMetadata(5, "text", 2), T1: None}
        (request,) = r.cluster.sent(OffsetFetchRequest)
        assert request.require_stable
        assert r.cluster.versions_of(OffsetFetchRequest) == [10]
        assert await r.committed() == {}


@pytest.mark.parametrize("newest", [1, 4, 6, 7, 8, 9, 10])
@in_virtual_time
async def test_committed_in_every_form(newest):
    async with room(versions={OffsetFetchRequest: (1, newest)}) as r:
        await r.commit()
        found = await r.committed(T0, T1)
        assert (found[T0].offset, found[T1]) == (5, None)
        assert r.cluster.versions_of(OffsetFetchRequest) == [newest]


@in_virtual_time
async def test_a_broker_that_speaks_no_version_of_it():
    async with room(versions={OffsetFetchRequest: None}) as r:
        with pytest.raises(UnsupportedVersionError, match="OffsetFetch"):
            await r.committed(T0)


@in_virtual_time
async def test_offsets_of_open_transactions_are_waited_for():
    async with room() as r:
        r.cluster.committed[T0] = OffsetAndMetadata(9)
        r.cluster.script(OffsetFetchRequest, r.cluster.fetch_answer({0: 88}), r.cluster.fetch_answer({0: 88}))
        assert (await r.committed(T0))[T0].offset == 9


@pytest.mark.parametrize("trouble", [16, 15, KafkaConnectionError("cut")])
@in_virtual_time
async def test_reading_follows_the_coordinator(trouble):
    async with room(nodes=(1, 2)) as r:

        def move(request):
            r.cluster.coordinator = 2
            return trouble

        r.cluster.script(OffsetFetchRequest, move)
        assert await r.committed(T0) == {T0: None}
        assert r.cluster.nodes_asked(OffsetFetchRequest) == [1, 2]


@in_virtual_time
async def test_below_version_2_the_coordinators_error_is_in_the_partitions():
    async with room(nodes=(1, 2), versions={OffsetFetchRequest: (1, 1)}) as r:
        answer = r.cluster.fetch_answer({0: 16}, version=1)

        def move(request):
            r.cluster.coordinator = 2
            return answer(request)

        r.cluster.script(OffsetFetchRequest, move)
        assert await r.committed(T0) == {T0: None}
        assert r.cluster.nodes_asked(OffsetFetchRequest) == [1, 2]


@in_virtual_time
async def test_reading_what_is_forbidden():
    async with room() as r:
        r.cluster.script(OffsetFetchRequest, 30, r.cluster.fetch_answer({0: 88, 1: 29}))
        with pytest.raises(GroupAuthorizationFailedError, match="group 'g' at node 1"):
            await r.committed(T0)
        with pytest.raises(TopicAuthorizationFailedError, match="t-1 at node 1"):
            await r.committed(T0, T1)


@in_virtual_time
async def test_reading_ends_at_the_deadline():
    async with room() as r:
        r.cluster.script(OffsetFetchRequest, *[14] * 1000)
        with pytest.raises(KafkaTimeoutError, match="reading the committed offsets of group 'g'"):
            await r.committed(T0, seconds=3)


# By the clock.


@in_virtual_time
async def test_automatic_commits():
    async with room(auto_commit_interval_ms=5000) as r:
        positions = {}
        r.committer.start_auto(lambda: dict(positions))
        await asyncio.sleep(12)
        assert not r.cluster.sent(OffsetCommitRequest)
        positions[T0] = OffsetAndMetadata(1)
        await asyncio.sleep(5)
        assert r.cluster.committed == positions
        await asyncio.sleep(10)
        assert len(r.cluster.sent(OffsetCommitRequest)) == 3  # unchanged ones keep the offsets from expiring
        await r.committer.close()
        await asyncio.sleep(60)
        assert len(r.cluster.sent(OffsetCommitRequest)) == 3


@in_virtual_time
async def test_an_automatic_commit_that_failed_is_made_again_with_the_newest_positions():
    async with room(auto_commit_interval_ms=60_000) as r:
        offsets = iter((1, 2, 3))
        r.cluster.script(OffsetCommitRequest, 14, 29)
        r.committer.start_auto(lambda: {T0: OffsetAndMetadata(next(offsets))})
        await asyncio.sleep(65)
        sent = [
            t.partitions[0].committed_offset for r in r.cluster.sent(OffsetCommitRequest) for t in r.topics
        ]
        assert sent == [1, 2]  # the second failure does not pass by itself: that waits for its time
        await asyncio.sleep(60)
        assert r.cluster.committed[T0].offset == 3


@in_virtual_time
async def test_automatic_commits_keep_out_of_the_way(caplog):
    async with room(auto_commit_interval_ms=1000) as r:
        r.committer.start_auto(lambda: dict(FIVE))
        r.member.refusal = RebalanceInProgressError("not now")
        await asyncio.sleep(5)
        assert not r.cluster.sent(OffsetCommitRequest)
        r.member.refusal = None
        r.cluster.script(OffsetCommitRequest, asyncio.Event())
        explicit = asyncio.create_task(r.commit({T0: OffsetAndMetadata(9)}, seconds=4.5))
        await asyncio.sleep(4)
        assert len(r.cluster.sent(OffsetCommitRequest)) == 1  # an explicit one is under way
        assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
        with pytest.raises(KafkaTimeoutError):
            await explicit


@in_virtual_time
async def test_the_outcomes_of_automatic_commits_are_told(caplog):
    async with room(auto_commit_interval_ms=60_000) as r:
        told = []

        def note(offsets, error):
            told.append((offsets, error))
            raise ValueError("the user's own")

        r.cluster.script(OffsetCommitRequest, 29)
        r.committer.start_auto(lambda: dict(FIVE), note)
        await asyncio.sleep(65)
        r.member.refusal = RebalanceInProgressError("not now")  # then there is no attempt to tell of
        await asyncio.sleep(60)
        r.member.refusal = None
        await asyncio.sleep(60)
        (first, error), second = told
        assert first == FIVE
        assert isinstance(error, TopicAuthorizationFailedError)
        assert second == (FIVE, None)
        assert "the callback of an automatic commit failed" in caplog.text


@in_virtual_time
async def test_a_commit_before_a_rebalance_is_tried_again_and_told_but_not_raised():
    async with room() as r:
        told = []
        r.committer.start_auto(dict, lambda offsets, error: told.append((offsets, type(error))))
        r.cluster.script(OffsetCommitRequest, 14)
        await r.committer.commit_automatically(FIVE, r.within(10))
        await r.committer.commit_automatically({}, r.within(10))
        r.cluster.script(OffsetCommitRequest, *[14] * 1000)
        await r.committer.commit_automatically(FIVE, r.within(10))
        assert told == [(FIVE, type(None)), (FIVE, KafkaTimeoutError)]


@in_virtual_time
async def test_closing_twice():
    async with room() as r:
        r.committer.start_auto(dict)
        await r.committer.close()
        await r.committer.close()
