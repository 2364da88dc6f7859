from kafkalite.consumer.group.assignors.member import MemberSubscription, in_order


def test_static_members_come_first_in_the_order_of_their_instances():
    nothing = frozenset()
    members = {
        "b": MemberSubscription(nothing),
        "z": MemberSubscription(nothing, group_instance_id="one"),
        "a": MemberSubscription(nothing),
        "y": MemberSubscription(nothing, group_instance_id="two"),
    }
    assert in_order(members) == ["z", "y", "a", "b"]
