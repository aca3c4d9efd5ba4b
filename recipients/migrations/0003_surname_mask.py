"""The mask of names on lists of protected policies, one function for notices and rosters."""

from django.db import migrations

# as huimin.core.values.identity.mask_name_surname has them; a test holds the two equal
COMPOUND = (
    "万俟", "上官", "东方", "东郭", "东门", "乐正", "亓官", "令狐", "仲孙", "公冶", "公孙", "公羊",
    "公良", "公西", "单于", "南宫", "南门", "叱干", "司寇", "司徒", "司空", "司馬", "司马", "呼延",
    "哥舒", "壤驷", "夏侯", "太叔", "太史", "子车", "宇文", "完颜", "宗政", "宰父", "尉迟", "尉遲",
    "左丘", "巫马", "微生", "慕容", "拓跋", "梁丘", "欧阳", "歐陽", "段干", "漆雕", "澹台", "濮阳",
    "爱新", "独孤", "申屠", "百里", "皇甫", "端木", "第五", "纳兰", "羊舌", "西门", "諸葛", "诸葛",
    "谷梁", "贺兰", "赫连", "轩辕", "钟离", "長孫", "长孙", "闻人", "闾丘", "颛孙", "鲜于",
)
SQL = f"""
CREATE FUNCTION hm_mask_surname(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN char_length(name) > 2 AND left(name, 2) = ANY(ARRAY[{", ".join(f"'{one}'" for one in COMPOUND)}])
                      THEN left(name, 2) ELSE left(name, 1) END || '**' $$;
"""
UNDO = "DROP FUNCTION hm_mask_surname(text)"


class Migration(migrations.Migration):
    dependencies = [("recipients", "0002_append_only_grants")]

    operations = [migrations.RunSQL(SQL, UNDO)]
