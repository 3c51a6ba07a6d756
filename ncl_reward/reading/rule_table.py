"""Kinds of words that rules are stated with, and what says them in English and in Japanese."""

from __future__ import annotations

ENGLISH = {
    "closer": r"closing (?:brackets?|parenthes[ie]s|parens?|braces?|symbols?|marks?|tokens?|characters?|"
    r"signs?|delimiters?|ones?|halves|half|pieces?|tags?|elements?|types?|kinds?|sides?)|closers?|"
    r"(?:right|end)(?:-hand)?(?: side)? (?:brackets?|parenthes[ie]s|parens?|braces?|symbols?|marks?|"
    r"tokens?|characters?|signs?|delimiters?|ones?|halves|half|pieces?|tags?|elements?|types?|kinds?|"
    r"sides?)|terminators?|closing ones?|closings?",
    "opener": r"opening (?:brackets?|parenthes[ie]s|parens?|braces?|symbols?|marks?|tokens?|characters?|"
    r"signs?|delimiters?|ones?|halves|half|pieces?|tags?|elements?|types?|kinds?|sides?)|openers?|"
    r"left(?:-hand)?(?: side)? (?:brackets?|parenthes[ie]s|parens?|braces?|symbols?|marks?|tokens?|"
    r"characters?|signs?|delimiters?|ones?|halves|half|pieces?|tags?|elements?|types?|kinds?|sides?)|"
    r"start(?:ing)? (?:brackets?|parenthes[ie]s|parens?|braces?|symbols?|marks?|tokens?|characters?|"
    r"signs?|delimiters?|ones?|halves|half|pieces?|tags?|elements?|types?|kinds?|sides?)|opening ones?|"
    r"openings?",
    "unopened": r"unopened|(?:was|were|is|has|have|had|been) (?:not|never)(?: \w+)? (?:been )?(?:opened|"
    r"begun|started)|(?:wasn't|weren't|isn't|hasn't|haven't|never|not|"
    r"nobody)(?: \w+)? (?:been )?(?:opened|begun|started)|never (?:opened|begun|started)|nobody (?:opened|"
    r"began|started)",
    "unclosed": r"unclosed|still open|(?:not|isn't|aren't|hasn't|haven't)(?: yet)?(?: been)? closed|"
    r"open brackets?|remains? open|left open|is open|are open|stays? open|unmatched|unfinished|"
    r"outstanding|pending|waiting",
    "one_to_one": r"one[- ](?:to|for|by|with)[- ]one|bijecti\w*|1[:-]1|one another|pairwise",
    "as_many": r"as (?:many|often)(?: \w+){0,3} as|same (?:number|count|amount|quantity)|equal(?:s|"
    r"ly)?(?: in)?(?: number)?|(?:number|count|amount|quantity|total)s?",
    "more": r"more|fewer|less|surplus|extra|too many|superfluous|excess\w*|left over|spare|missing",
    "only": r"nothing but|solely|exclusively|alone|just|purely|merely|only|limit\w*|restrict\w*|stick to|"
    r"apart from|except\w*|other than|besides|entirely|consists?|made (?:up )?of|composed",
    "new": r"new|another|fresh\w*|further|additional\w*|anew|any ?more|again|no longer|from (?:now|here|"
    r"then|this point) on\w*|henceforth|once the answer",
    "answer": r"after the (?:prefix|input|question|given part)(?: ends)?|answers?|repl(?:y|ies)|"
    r"responses?|completions?|output\w*|solutions?|results?|continuation|suffix|remainder|remaining part|"
    r"what you (?:write|add|append|output|produce)|what(?:'s| is) missing|the rest|everything you|"
    r"whatever you|what follows|ending",
    "input": r"prefix\w*|inputs?|given|questions?|text so far|context|string|problem|so far",
    "write": r"writ\w*|wrote|adds?|added|adding|append\w*|puts?|produc\w*|emit\w*|us(?:e|ed|ing)|"
    r"insert\w*|place|introduc\w*|print\w*|generat\w*|invent\w*|choose|pick|go on|continu\w*|keep going|"
    r"carry on|proceed",
    "one": r"one|single|exactly|precisely|once|unique\w*|sole|own|each|every|individual\w*",
    "two": r"two|twice|doubl\w*|second|several|three|multiple|shar\w*|both|same|repeated\w*|times",
    "pair": r"pairs?|paired|pairing|partner\w*|match\w*|correspond\w*|belong\w*|mates?|counterpart\w*|"
    r"goes with|couples?|companion|twin|balanc\w*|fits?|complement\w*",
    "stop": r"stop\w*|ends?|ended|ending|finish\w*|quit\w*|halt\w*|terminat\w*|done|over|complete[ds]?|"
    r"ceas\w*|conclud\w*|eos|end[- ](?:of[- ]sequence|token|sign|symbol|marker)|final",
    "all": r"all|everything|whole|fully|completely|entire\w*|every last",
    "none": r"nothing|none|zero|empty|no (?:open|more|unclosed|bracket|longer)\w*|anything|no",
    "not": r"not|never|cannot|\w+n't|forbid\w*|illegal|without|prohibit\w*|not allowed|wrong|mistakes?|"
    r"errors?|invalid|impossible|refrain|avoid|ban\w*|free of|lack\w*|incorrect|disallow\w*|false|"
    r"off limits|out of place|neither|nor",
    "condition": r"until|till|as long as|while|once|as soon as|when|whenever|moment|if|unless|then|"
    r"only after|only when|only if",
    "exists": r"exists?|present|absent|seen|saw|occur\w*|appear\w*|there|show\w*|contain\w*|includ\w*|"
    r"out of nowhere|stands?|real|actual\w*|available",
    "earlier": r"before\w*|somewhere|earlier|previous\w*|preced\w*|already|prior|presuppos\w*|requires?|"
    r"needs?|come first",
    "type": r"types?|kinds?|sorts?|shapes?|species|variety|class",
    "close": r"clos\w*|shut\w*",
    "open": r"open\w*|start\w*|begin\w*|began|begun",
    "power": r"power|electric\w*|load|consumption|usage|energy|meters?|watt\w*|current|kilowatt\w*|demand|"
    r"draw",
    "low": r"low\w*|small|little|minim\w*|standby|base\w*|idle|quiet\w*|tiny|hardly any|near zero|bare\w*|"
    r"weak|fridge",
    "steady": r"constant\w*|flat\w*|stead\w*|stable|unchang\w*|even(?:ly)?|unvary\w*|hardly|"
    r"does not (?:change|move|vary)|no change|motionless|monoton\w*|uniform\w*|same",
    "vary": r"var(?:y|ies|ied|ying|iable|iation)\w*|fluctuat\w*|chang\w*|swing\w*|jump\w*|peaks?|spik\w*|"
    r"irregular\w*|up and down|uneven\w*|ups and downs|rises? and falls?|restless|lively|active|activity|"
    r"erratic\w*|vari\w*|moves?|bursts?|switch\w*",
    "high": r"high\w*|large|much|strong\w*|big|far above|well above|big\w*",
    "hours": r"hours?|long|all day|half a day|hour\w*|day|afternoon|stretch|period|while",
    "not_away": r"not (?:empty|absent|away|out|deserted|vacant|unoccupied)",
    "absent": r"absen\w*|away|out|nobody|no one|empty|gone|vacant|deserted|unoccupied|left|"
    r"not (?:at )?home",
    "home": r"home|present|presence|occupied|occupan\w*|somebody|someone|people|residents?|inhabit\w*|"
    r"persons?|family|(?:is|are) (?:there|in)|awake",
    "night": r"nights?|night\w*|sleep\w*|asleep|bed|evening|midnight|dawn|dark|small hours|late",
    "tells_nothing": r"(?:does|do|is|are) (?:not|no|n't) (?:show|mean|prove|imply|tell|say|indicate)|"
    r"small hours? (?:tell|say)|says nothing|nothing|unknown|cannot tell|tell|does(?: not|n't) (?:mean|"
    r"prove|show|imply)|no (?:proof|evidence|sign|clue)|ignor\w*|uninformative|judg\w*|conclude|"
    r"informative|inconclusive|meaningless|evidence|proof|prove",
    "names_opener": r"(?-i:(?<=.)[ACEG]|A(?=.*\bB\b))",  # as masked; the first word may be the article
    "names_closer": r"(?-i:[BDFH])",
}
JAPANESE = {
    "closer": r"閉じ(?:る|の)?(?:側の)?(?:括弧|カッコ|かっこ|記号|トークン|印|文字|側|ほう|方|やつ|マーク|"
    r"符号)|右(?:側)?の?(?:括弧|カッコ|かっこ|記号|トークン|印|文字|側|ほう|方|やつ|マーク|符号)|"
    r"閉じ(?=[はがをとの、]|だけ|のみ|ばかり|以外)|右側|クローザー?",
    "opener": r"開(?:き|く)(?:側の)?(?:括弧|カッコ|かっこ|記号|トークン|印|文字|側|ほう|方|やつ|マーク|"
    r"符号)|左(?:側)?の?(?:括弧|カッコ|かっこ|記号|トークン|印|文字|側|ほう|方|やつ|マーク|符号)|"
    r"開き(?=[はがをとの、])|始め(?:括弧|カッコ|かっこ|記号|トークン|印|文字|側|ほう|方|やつ|マーク|符号)|"
    r"左側|オープナー?",
    "unopened": r"開(?:い|か|け|き)?(?:た|れ|て|れて|かれて)?(?:い|こと(?:が|の))?(?:ない|なかっ|ず|ぬ)|"
    r"開かれて(?:も)?い?(?:ない|なかっ)|開かれなかっ|始まって(?:も)?い?ない|未開|開いて(?:も)?いない|"
    r"出て(?:も)?いない|見ていない|開きがない|現れない|存在しない",
    "unclosed": r"閉じて(?:い)?ない|閉じられて(?:い)?ない|開いたまま|開いている|未完|未了|まだ開い|"
    r"残って(?:い)?る|残る|残り|残",
    "one_to_one": r"一対一|1対1|１対１|一個一個|一つずつ|ひとつずつ|1つずつ",
    "as_many": r"同じ数|同数|個数|回数|本数|数だけ|分だけ|数|等し|同じだけ|一致",
    "more": r"過不足|余|足り|多(?!分)|少なく|超え|以上|以下|重複|もれなく",
    "only": r"だけ|のみ|ばかり|しか|以外|ひたすら|専用|限|からな|からでき|構成",
    "new": r"新し[いく]|新た|新規|これ以上|さらに|もう|追加|別の|また|増や|今後|以降|これから|あとは|"
    r"ここから",
    "answer": r"答え?|回答|解答|出力|補完|補う|続き|続く|付け足|後ろの部分|応答|解",
    "input": r"入力|問題|前置|プレフィックス|接頭|与えられ|文字列|文脈|問い",
    "write": r"書[いかきくけこ]|足[しすさ]|付け|加え|出[しすさ]|使[いわうえっ]|用い|入れ|置[かきくけ]|"
    r"挿入|作[らりる]|続け|選[ばびぶ]",
    "one": r"一つ|ひとつ|一個|1つ|１つ|1個|ちょうど|ぴったり|一回|一度|それぞれ|各|どの|専用|唯一|きっかり",
    "two": r"二つ|ふたつ|二回|二度|二重|何度|複数|兼ね|共有|三つ|二個|2つ|両方|同じ",
    "pair": r"対応|ペア|組|相手|対に|対を|対で|対と|つがい|片方|パートナー|揃|そろ|釣り合|見合|結び|相棒",
    "stop": r"終わ|終え|終了|止ま|止め|停止|やめ|打ち切|完了|ストップ|終わり|完成|終|止|中断|満了|済",
    "all": r"すべて|全て|全部|みな|みんな|ことごとく|どれも|残らず|全|なにもかも|一切",
    "none": r"なくな|無くな|ゼロ|何も|空|なにも|０|なければ",
    "not": r"ない|ず(?!つ|れ)|禁|いけ|だめ|ダメ|駄目|誤|間違|許され|得ない|べから|ません|まい|ぬ|"
    r"(?<=[るくうすむ])な(?:[。！]|$)|不要|無意味|違反|ミス|なく|なし|無し",
    "condition": r"たら|れば|とき|時点|まで|うち|限り|なら|間は|次第|場合|瞬間|ところで|段階",
    "exists": r"存在|現れ|出て|(?<!で)ある|見|登場|出現|含ま|実際|どこか|ふくま|混|勝手|いきなり",
    "earlier": r"前|先に|すでに|以前|もとから|まえ|先立",
    "type": r"種類|種|型|タイプ|形",
    "close": r"閉",
    "open": r"開|始",
    "power": r"電力|電気|消費|使用量|負荷|メーター|ワット|電流|使用|計測|家電|エネルギー",
    "low": r"低|少な|小さ|わずか|待機|最小|最低|基底|静か|弱|冷蔵庫|僅か",
    "steady": r"一定|平ら|平坦|横ばい|変わら|変化しな|動かな|安定|変動がな|変動しな|揺れな|同じ|まま|"
    r"ほとんど動",
    "vary": r"変動|変わ|変化|上下|上がったり|下がったり|揺|ばらつ|不規則|激し|波|山|凹凸|でこぼこ|活発|"
    r"つけたり|せわし|乱|動|増え|増減",
    "high": r"高|大き|多い|多く|ずっと|強",
    "hours": r"時間|長|半日|一日|ずっと|続",
    "home": r"在宅|誰か|人が|住人|家族|家に|居る|(?<=[がはに])いる|在室|人は|居住|留守ではな|不在ではな|"
    r"無人ではな|不在とは",
    "absent": r"不在|留守|外出|誰もいな|だれもいな|無人|出かけ|空(?!白)|いない|人がいな|出払",
    "night": r"夜|寝|眠|就寝|深夜|真夜中|未明|明け方|睡眠|布団",
    "tells_nothing": r"分から|わから|教えて|当てに|証拠に|判断|手がかり|情報|限らない|言えない|いえない|"
    r"参考|無視|意味|推|根拠",
    "names_opener": r"(?-i:(?<![A-Za-z])[ACEG](?![A-Za-z]))",
    "names_closer": r"(?-i:(?<![A-Za-z])[BDFH](?![A-Za-z]))",
}
