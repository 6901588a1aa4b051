"""Accepting rules, and living in a team."""

from competition.contests.models import Participation
from tests.competition.conftest import signed_in
from tests.competition.pages.sane_html import page_of, text_of

C = "/competitions/typhoons/"


def invitation(team) -> str:
    return f"/invitations/{team.invitation_code}/"


def test_whoever_accepts_the_rules_takes_part(typhoons, release, carol):
    client = signed_in(carol)
    refused = client.post(f"{C}join/", {})
    assert refused.status_code == 422
    assert page_of(refused).select_one("input[name=accept][aria-invalid=true]")
    assert not Participation.objects.exists()

    welcome = client.post(f"{C}join/", {"accept": "on"}, follow=True)
    assert welcome.redirect_chain == [(f"{C}data/", 302)]
    assert "You take part now." in text_of(welcome)
    assert Participation.objects.get().rules.number == 1


def test_joining_leads_back_to_where_one_was(typhoons, release, carol):
    client = signed_in(carol)
    page = page_of(client.get(f"{C}join/?next={C}submit/"))
    assert page.select_one("main input[name=next]")["value"] == f"{C}submit/"
    assert client.post(f"{C}join/", {"accept": "on", "next": f"{C}submit/"})["Location"] == f"{C}submit/"
    assert client.get(f"{C}join/?next=https://evil.example/")["Location"] == C


def test_changed_rules_are_accepted_anew(typhoons, team, alice):
    typhoons.rules_versions.create(number=2, body="Be **fairer**.")
    client = signed_in(alice)
    assert "you accepted an earlier version" in text_of(client.get(f"{C}rules/"))
    page = page_of(client.get(f"{C}join/"))
    assert "The rules have changed" in page.get_text()
    assert page.select_one(".prose strong").get_text() == "fairer"
    client.post(f"{C}join/", {"accept": "on"})
    assert Participation.objects.get(user=alice).rules.number == 2


def test_a_team_is_renamed_and_a_taken_name_is_refused_beside_the_field(team, other_team, alice):
    client = signed_in(alice)
    assert "The Eggs" in text_of(client.post(f"{C}team/", {"name": "The Eggs"}, follow=True))
    refused = client.post(f"{C}team/", {"name": "Team Dave"})
    assert refused.status_code == 409
    page = page_of(refused)
    field = page.select_one("input[name=name]")
    assert (field["value"], field["aria-invalid"]) == ("Team Dave", "true")
    assert "called “Team Dave” already" in page.select_one(f"#{field['id']}_error").get_text()
    assert page.select_one("h1").get_text() == "The Eggs"


def test_an_invitation_is_followed(typhoons, team, other_team, carol, dave):
    visitor = signed_in(None).get(invitation(team))
    assert visitor.status_code == 302
    assert "login" in visitor["Location"]

    newcomer = signed_in(carol)
    page = page_of(newcomer.get(invitation(team)))
    join = page.select_one(f'main a[href="{C}join/?next={invitation(team)}"]')
    assert join
    assert newcomer.post(join["href"], {"accept": "on", "next": invitation(team)})["Location"] == invitation(
        team
    )
    assert "member of “Team Alice” now" in text_of(newcomer.post(invitation(team), follow=True))
    assert "in this team already" in text_of(newcomer.get(invitation(team)))

    assert "Your team “Team Dave” will become part of it" in text_of(signed_in(dave).get(invitation(team)))


def test_a_renewed_invitation_closes_the_old_one(team, alice, dave, other_team):
    old = invitation(team)
    signed_in(alice).post(f"{C}team/invitation/")
    response = signed_in(dave).get(old)
    assert response.status_code == 404
    assert "not valid" in text_of(response)
    team.refresh_from_db()
    assert invitation(team) in page_of(signed_in(alice).get(f"{C}team/")).select_one("#invitation")["value"]


def test_a_member_may_leave_while_nothing_was_submitted(team, alice, bob):
    assert "a team of your own" in text_of(signed_in(bob).post(f"{C}team/leave/", follow=True))
    assert list(team.members) == [alice]
    assert "only member" in text_of(signed_in(alice).post(f"{C}team/leave/", follow=True))


def test_a_team_stays_together_once_it_submitted(season, bob):
    assert "stay together" in text_of(signed_in(bob).post(f"{C}team/leave/", follow=True))


def test_a_closed_competition_offers_no_change_of_teams(season, alice):
    season.close()
    page = page_of(signed_in(alice).get(f"{C}team/"))
    assert "Invite" not in page.get_text()
    refused = signed_in(alice).post(f"{C}team/invitation/")
    assert refused.status_code == 403
    assert "closed" in text_of(refused)


def test_buttons_of_change_need_a_post(team, alice):
    for path in ("team/leave/", "team/invitation/"):
        assert signed_in(alice).get(C + path).status_code == 405


def test_organizers_are_not_invited_to_join_what_they_may_not(typhoons, organizer, alice):
    def actions(user) -> str:
        return (
            page_of(signed_in(user).get("/competitions/typhoons/")).select_one(".banner-actions").get_text()
        )

    assert "Join" in actions(alice)
    assert "Join" not in actions(organizer)
