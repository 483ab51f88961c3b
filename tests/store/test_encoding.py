import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.encoding import UnknownEncodingError, decode_texts, is_plausible_chinese

TREES = "小班号 林班 马尾松 杉木 栎类（天然）"


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_chinese_is_told_from_its_bytes(encoding):
    decoded = decode_texts([TREES.encode(encoding)])
    assert decoded.texts == (TREES,)
    assert decoded.encoding == encoding


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("forêt domaniale", "cp1252"),
        ("Pădure de fag", "cp1250"),
        ("林班 馬尾松 國有林場", "big5"),
        ("森林簿 カラマツ林", "shift_jis"),
    ],
)
def test_others_are_not_guessed_but_may_be_declared(text, encoding):
    raw = text.encode(encoding)
    with pytest.raises(UnknownEncodingError, match=encoding):
        decode_texts([raw])
    assert decode_texts([raw], declared=encoding).texts == (text,)


def test_utf8_wins_over_a_wrong_declaration():
    """Read as GBK it would be hanzi too, plausible and wrong."""
    raw = "小班".encode()
    assert decode_texts([raw], declared="gbk").texts == ("小班",)
    assert decode_texts([raw], hinted="gbk").encoding == "utf-8"


def test_a_declaration_wins_where_utf8_would_not_give_hanzi():
    raw = "茅".encode("gbk")  # C3 A9, which is also the UTF-8 of é
    assert decode_texts([raw], declared="gbk").texts == ("茅",)
    assert decode_texts([raw]).texts == ("é",)


def test_what_the_file_says_of_itself_comes_last():
    assert decode_texts(["林".encode("gbk")], hinted="ISO-8859-1").texts == ("林",)
    raw = "forêt".encode("latin-1")
    assert decode_texts([raw], hinted="ISO-8859-1").texts == ("forêt",)


def test_a_letter_torn_by_a_narrow_field_is_dropped_and_counted():
    decoded = decode_texts(["小班号".encode()[:-1], "松".encode()])
    assert decoded.texts == ("小班", "松")
    assert decoded.cut == 1


def test_ascii_says_nothing_about_chinese():
    assert not is_plausible_chinese(["PLOT", "001"])


@given(st.text(alphabet="林班松杉木小号马尾县乡村镇造国有", min_size=1, max_size=40))
def test_any_common_chinese_survives_gb18030(text):
    raw = text.encode("gb18030")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        assert decode_texts([raw]).texts == (text,)
