"""The 24 columns of 补贴对象基础信息采集表, in their order; the one list of their titles, for reading and writing."""

TITLES = (
    "状态", "农户编码", "户主姓名", "户主身份证号", "家庭成员姓名", "身份证号", "村(居)委会", "村(居)民小组", "性别",
    "联系电话", "年龄", "与户主关系", "账户名称", "银行账号", "开户银行", "公共账户名称", "公共账户账号",
    "公共账户开户行", "是否低保户", "是否乡村人口", "是否建档立卡户", "是否特困人员", "备注", "创建人",
)  # fmt: skip
REQUIRED = (
    "农户编码", "户主姓名", "户主身份证号", "家庭成员姓名", "身份证号", "村(居)委会", "村(居)民小组", "与户主关系",
    "账户名称", "银行账号", "开户银行",
)  # fmt: skip
(
    STATUS, CODE, HOLDER, HOLDER_ID, NAME, ID, VILLAGE, GROUP, SEX, PHONE, AGE, RELATION, ACCOUNT_NAME, ACCOUNT, BANK,
    PUBLIC_NAME, PUBLIC_ACCOUNT, PUBLIC_BANK, LOW_INCOME, RURAL, POVERTY, EXTREME, NOTE, MAKER,
) = range(24)  # fmt: skip
