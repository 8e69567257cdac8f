-- Names are folded without the dot above an i (U+0307) that a dotted capital I has
-- left until now. Other encodings have no such dot.
SELECT set_config('stagepass.actor', 'maintenance', true);
DO $$
BEGIN
    IF getdatabaseencoding() = 'UTF8' THEN
        UPDATE app_credentials SET folded_name = replace(folded_name, 'i' || chr(775), 'i')
        WHERE strpos(folded_name, 'i' || chr(775)) > 0;
    END IF;
END
$$;
SELECT set_config('stagepass.actor', '', true);
