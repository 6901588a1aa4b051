"""The texts of the demo's competition."""

TITLE = "Find the typhoons"
TITLE_JA = "台風を見つけよう"
TAGLINE = "One cloud in thirty-two is a tropical cyclone, or will become one within a week. Which?"
TAGLINE_JA = "32個の雲のうち1個は台風か、一週間以内に台風になる雲です。どれでしょうか。"

OVERVIEW = """\
## The question

Most cloud clusters over the tropical ocean dissolve within a day. A few organise themselves and become a
typhoon, days after the first sign. Can a machine tell them apart from one image?

## Where it comes from

In 2018 a competition asked this of **NICAM**, a model of the global atmosphere whose grid of 14 km
resolves cloud systems. Patches of 64 × 64 grid points were cut from its outgoing longwave radiation: the
colder the cloud top, the brighter the image. Of **2,240,000** images, **70,000** showed a tropical
cyclone or a precursor of one. Whoever answered “no” 2,240,000 times was right in 97 of 100 cases, and
had found nothing.

So entries were ranked by **precision at a recall of at least 0.79**: who misses more than about one
typhoon in five is not ranked among the others, however pure the rest. That line is **the gate**, and it
can be missed by a hair.

## This competition

It is small enough for a laptop and made by a *synthetic world* with the same kinds of clouds: cyclones,
precursors that get fainter the earlier one looks, mesoscale systems, fronts, the ITCZ, and disturbances
that never develop. No image shows a real storm. A threshold on the mean brightness is hopeless here; a
small network trained for a minute is several times better; the leaderboard has both.

## How to begin

1. **Join**, which takes one click and the rules.
2. Download the data, or `python -m starter_kit download`.
3. `python -m starter_kit train` and `predict`, then submit the file here.
"""
OVERVIEW_JA = """\
## 課題

熱帯の海の上にできる雲の塊は、たいてい一日のうちに消えます。ごく一部だけが組織化し、何日か後に台風になります。
一枚の画像から、それを見分けられるでしょうか。

## はじまり

2018年、全球大気モデル **NICAM**(格子間隔14km、雲システムを解像)の出力を使って、この課題の
コンペが開かれました。外向き長波放射から64×64格子の画像を切り出し、雲頂が冷たいほど明るく表します。
**224万枚** のうち、台風またはその「タマゴ」は **7万枚** でした。すべてに「いいえ」と答えても97%は正解ですが、
何も見つけていません。

そこで順位は **再現率0.79以上での適合率** で決められました。台風のおよそ5個に1個より多く見逃すと、
残りがどれほど正確でも順位がつきません。この線が **ゲート** で、紙一重で越えられないこともあります。

## このコンペ

ノートパソコンで試せる大きさで、同じ種類の雲をもつ *合成された世界* から作られています。台風、早い時期ほど淡い
前兆、メソ対流系、前線、熱帯収束帯、そして発達しない擾乱です。実際の台風の画像はありません。
平均の明るさでは歯が立たず、一分学習した小さなネットワークはその数倍の適合率を出します。どちらも順位表に
あります。

## はじめかた

1. 規約に同意して **参加** します。
2. データをダウンロードします(`python -m starter_kit download` でも可)。
3. `python -m starter_kit train` と `predict` で予測し、ここで投稿します。
"""
DATA_NOTES = """\
`train.csv` tells of each training image whether it is a cyclone or precursor (`label`), of which storm,
where, when, and how many hours before its genesis (negative after it). Of the test images you get the
pixels only.

Images of one storm resemble each other: split by `storm_id` when you hold images back for validation.
"""
DATA_NOTES_JA = """\
`train.csv` には、訓練画像ごとに、台風またはその前兆か(`label`)、どの擾乱か、場所、時刻、発生までの時間
(発生後は負)があります。テスト画像は画素だけです。

同じ擾乱の画像は互いに似ています。検証用に分けるときは `storm_id` ごとに分けてください。
"""
PRIZES = """\
This is a demonstration: the prize is to know how close to the gate you stand.
"""
PRIZES_JA = """\
これはデモです。賞は、自分がゲートのどれだけ近くにいるかを知ることです。
"""
