"""Words of order: one letter for each kind, and what says it in English and in Japanese.

E early, first, outer; L late, last, inner; e, l the same of two; B before; A after; U until, while; T than; F from;
G to; W waits; R reverse, stack; S same order, queue; K crossing; N not; O opens; C closes. In Japanese B is what
stands between the earlier and the later (てから), A the opposite (前に); p is より先, q より後, D 順 in 新しい順.
"""

from __future__ import annotations

ENGLISH = {
    "R": r"(?:in |by )?(?:the |their )?(?:reverse\w*|opposite|backwards?|invers\w*|invert\w*)(?: order|"
    r" sequence)?(?: (?:of|to|in) (?:the |which )?(?:order|sequence)?)?|mirror\w*|stack\w*|lifo|undo\w*|unwind\w*|"
    r"pop(?:ped|s)?|palindrom\w*|turned around|contrary|inside[- ]out|last[- ]in[- ,]*first[- ]out|nest(?:ed|ing|s)?|"
    r"russian dolls?|matryoshkas?|upside down|flip\w*|retrac\w*",
    "K": r"cross\w*|overlap\w*|interleav\w*|intersect\w*|interlock\w*|straddl\w*",
    "S": r"same (?:order|sequence|way round)|(?:in|by|of|following|keeping|to|the) (?:the|their|"
    r"its)? ?(?:\w+ )?(?:order|sequence)|order (?:of|in)|fifo|queue\w*|forwards?|first[- ]in[- ,]*first[- ]out|"
    r"first[- ]come|cop(?:y|ies)|repeat\w*|replay\w*|parallel|outside[- ]in|arriv\w*|seniority|in turn|line[ds]?|"
    r"as (?:they|it) (?:were|was|came)|conveyor|pipeline",
    "O": r"unclosed|(?:not|never|\w+n't) (?:break|violate|disturb|destroy|upset|spoil)|not yet (?:been )?closed|"
    r"(?:isn't|aren't|not) closed yet|(?:hasn't|haven't) been closed(?: yet)?|open\w*|started|begun|began|appear\w*|"
    r"came|entered|written|in(?=[ ,-]+(?:first|last|is|must|goes|out|and|comes)\b)",
    "N": r"not|never|no|none|cannot|nothing|without|\w+n't|forbidden|instead|wrong|rather than|illegal|must\W+not",
    "W": r"wait\w*|held back|postpon\w*|defer\w*|delay\w*",
    "E": r"(?:at|on|to) the (?:far |very )?left|(?:top|first|upper|outer) level|before (?:all|everything|any|"
    r"the)(?: the)? ?(?:others?|rest|else|other ones)|at the (?:very )?(?:start|beginning)|(?:smallest|least|lowest|"
    r"minimal|lower|smaller) (?:nesting )?(?:depth|level)|least deep|shallow\w*|first|earliest|old\w*|eld\w*|senior|"
    r"initial\w*|beginning|outer\w*|outside|enclosing|surround\w*|around|shell|parents?|longest|leftmost|"
    r"left to right|furthest to the left|front|former|bottom|head|least recent\w*|next|immediately|straight away|"
    r"right away|priority|begin|start with|start",
    "L": r"(?:at|on|to) the (?:far |very )?right|after (?:all|everything|every|the)(?: the)? ?(?:others?|rest|else|"
    r"other ones)|at the (?:very )?end|last|lat(?:e|est)|new\w*|(?:most )?recent\w*|young\w*|junior|final\w*|"
    r"inner\w*|inside|inward\w*|enclosed|deep\w*|depth|core|child(?:ren)?|shortest|rightmost|right to left|"
    r"furthest to the right|back|top|near\w*|latter|within|contain\w*|just|directly before|tail",
    "U": r"until|till|once|while|as long as|as soon as|when|whenever",
    "B": r"before|prior to|ahead(?: of)?|sooner(?: than)?|preced\w*|earlier than|then",
    "A": r"after\w*|behind|later than|follow\w*",
    "e": r"earlier|previous\w*|before it|preceding",
    "l": r"later|subsequent\w*|after it",
    "T": r"than",
    "F": r"from",
    "G": r"to(?: the)?(?= (?:out|in|new|old|last|first|lat|earl|front|back|left|right|top|bottom|young|recent|"
    r"surround|enclos|deep|core|shell|begin|end|start)\w*)|towards",
    "C": r"clos\w*|shut\w*|match\w*|finish\w*|complet\w*|answered|out|end\w*",
}
JAPANESE = {
    "R": r"逆|反対|さかのぼ|遡|裏返|ひっくり返|鏡|回文|スタック|lifo|入れ子|ネスト|後入れ先出し|あと入れ先出し|"
    r"後ろから|積|マトリョーシカ|プッシュ|ポップ|折り返",
    "K": r"交差|またが|食い違|重な",
    "S": r"同じ順|同じ並び|(?:順番|順序|順)(?:の)?(?:どお|通|とお)|順のまま|(?<=た)順|(?<=た)とおり|そのまま|キュー|"
    r"fifo|先入れ先出し|待ち行列|行列|先着|列|到着|早い者|早いもの順",
    "O": r"閉じ(?:て|られて)い?ない|未完|(?:崩|乱|破|壊)[さしらり]?(?:ない|ず|ては)",
    "D": r"(?<=い)順",
    "N": r"ない|なく|ず(?!つ)|禁|ぬ|だめ|いけ|誤|間違|得な",
    "W": r"待",
    "p": r"より(?:も)?(?:先|前|早|さき|まえ)",
    "q": r"より(?:も)?(?:後|あと|遅)",
    "A": r"差し置|さしおい|(?<=[るうく])前に|(?<=の)前に|までは?(?=ない)|(?<=る)まえに",
    "B": r"てから|まで|(?<=の)(?:後|あと)(?=[にで、])|(?<=[ただ])(?:後|あと)(?=[にで、])|次第|しだい",
    "E": r"囲[んむみ]|取り巻|親|深さが(?:最も|もっとも|一番|いちばん)?(?:小さ|浅)|最初|先頭|先|初め|はじめ|始め|早|"
    r"古|昔|外|浅|以前|前|左|まず|真っ先|優先|次|第一|殻|長",
    "L": r"囲まれ|ばかり|(?<!様)(?<!障)子(?=[をはがの、])|後回し|最後|最近|直近|最新|すぐ前|直前|手前|深さが(?:最も|"
    r"もっとも|一番|いちばん)?(?:大き|深)|深|若|末|後|あと|新|内|中|奥|遅|右|上|終わり|近|芯|短|たった今",
    "F": r"から",
    "G": r"へ",
    "C": r"しめ|閉|終|片づけ",
    "O2": r"開|現れ|出て|始ま|来",
}
