-- One row is one company of IOMAD.
select co.id as companyid, co.shortname, co.name
from {company} co
order by co.id
