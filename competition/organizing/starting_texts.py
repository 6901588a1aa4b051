"""What a new competition starts with: texts to overwrite, in both languages."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import override

from competition.contests.metric_names import METRIC_NAMES
from scoring import MetricConfig

OVERVIEW = """\
## The question

What should be found, and why does it matter? Two or three sentences that a student understands.

## The data

Where do the images come from, and what does a positive one show?

## How to begin

1. Join the competition and accept its rules.
2. Download the data.
3. Train, predict, and submit a file with a score for each test image.
"""
OVERVIEW_JA = """\
## 課題

何を見つけるのか、なぜ重要なのかを、学生にも分かる二、三文で書いてください。

## データ

画像の出どころと、正例が何を写しているかを書いてください。

## はじめかた

1. 規約に同意して参加します。
2. データをダウンロードします。
3. 学習・予測し、テスト画像ごとのスコアを書いたファイルを投稿します。
"""
# By what the metric has a gate on; %(metric)s is its name.
EVALUATION = {
    "recall": """\
Missing a rare event costs more than a false alarm. Entries are therefore ranked by their **precision**, but
only where their **recall** reaches the floor; all others stand *below the gate*, ordered by recall.
""",
    "precision": """\
A warning that is mostly wrong is soon ignored. Entries are therefore ranked by their **recall**, but only
where their **precision** reaches the floor; all others stand *below the gate*, ordered by precision.
""",
    None: """\
Entries are ranked by their **%(metric)s**: %(better)s is better.
""",
}
EVALUATION_JA = {
    "recall": """\
まれな現象の見逃しは、空振りよりも大きな損失です。
そこで **再現率** が下限に達した投稿だけを **適合率** の順に並べ、
達しない投稿は *ゲート未達* として再現率の順にその下に置きます。
""",
    "precision": """\
外れてばかりの警報は、やがて無視されます。
そこで **適合率** が下限に達した投稿だけを **再現率** の順に並べ、
達しない投稿は *ゲート未達* として適合率の順にその下に置きます。
""",
    None: """\
投稿は **%(metric)s** の順に並べます。値が%(better)sほど上位です。
""",
}
STANDING = """
During the competition the leaderboard shows the public part of the test images. The final standing comes from
the private part, with the submissions each team has chosen as final.
"""
STANDING_JA = """
開催中の順位表は、テスト画像のパブリック部分で計算されます。
最終順位は、各チームが最終投稿に選んだものについて、プライベート部分で決まります。
"""
RULES = """\
1. One account per person; a team shares one daily limit.
2. Labels of test images must not be obtained in any way but prediction: no manual labelling, no lookup.
3. External data and pre-trained models are allowed if they are public and named in the submission's message.
4. Code and data are not shared between teams during the competition, unless publicly with everybody.
5. Winners publish their method, so that others can reproduce it.
"""
RULES_JA = """\
1. アカウントは一人一つです。1日の投稿数の上限はチームで共有します。
2. テスト画像のラベルを予測以外の方法で得てはいけません(手作業のラベル付けや検索など)。
3. 公開されている外部データや学習済みモデルは、投稿のメモに書けば使えます。
4. 開催中、チーム間でコードやデータを共有してはいけません(全員に公開する場合を除きます)。
5. 入賞者は、他の人が再現できるように手法を公開します。
"""

STARTING_TEXTS = {
    "overview": OVERVIEW,
    "overview_ja": OVERVIEW_JA,
    "rules": RULES,
    "rules_ja": RULES_JA,
}


def evaluation_texts(metric: Mapping[str, Any]) -> dict[str, str]:
    """How entries are ranked by a metric: the texts ``evaluation`` and ``evaluation_ja``."""
    config = MetricConfig.model_validate(dict(metric))
    texts = {}
    for language, field, ranked, standing, better in (
        ("en", "evaluation", EVALUATION, STANDING, ("lower", "higher")),
        ("ja", "evaluation_ja", EVALUATION_JA, STANDING_JA, ("小さい", "大きい")),
    ):
        with override(language):
            name = str(METRIC_NAMES[config.metric]) if config.metric != "own" else config.title
        texts[field] = (
            ranked[config.gate] % {"metric": name, "better": better[config.higher_is_better]} + standing
        )
    return texts
