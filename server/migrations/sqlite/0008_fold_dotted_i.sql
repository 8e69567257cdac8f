-- Names are folded without the dot above an i (U+0307) that a dotted capital I has
-- left until now.
UPDATE app_credentials SET folded_name = replace(folded_name, 'i' || char(775), 'i')
WHERE instr(folded_name, 'i' || char(775)) > 0;
