//! From an entry to objects: the chart, its values, what a generator makes of them.

use super::field::ValuesMerge;
use super::{Chart, ChartField, Generator, Values, values};
use crate::KustomizeError;
use crate::fields::Mistakes;
use crate::loader::{Loader, Sited};
use crate::read;
use crate::remote::{ChartSpec, is_file_url};
use crate::resource::Resource;
use crate::resources::Resources;
use crate::schema::Schemas;
use std::sync::Arc;
use weir_base::{Budget, Tree};

/// Looks for the files that are named beside the chart.
pub(crate) fn check(chart: &ChartField, loader: &Loader) -> Result<(), KustomizeError> {
    let mistakes = Mistakes::default();
    for path in &chart.additional_values {
        mistakes.take(additional(chart, path, loader).map(drop));
    }
    mistakes.check()
}

/// Renders the chart; the objects have ids of their own.
pub(crate) fn inflate(
    chart: &ChartField,
    namespace: &str,
    by: &dyn Generator,
    (loader, schemas): (&Loader, &Schemas),
    budget: &Budget,
) -> Result<Vec<Resource>, KustomizeError> {
    let path = chart.folder();
    let folder = loader.place(&path, &chart.path_of("name"))?;
    let files = match loader.folder(&folder, budget)? {
        Some(files) => files,
        None if chart.repo.is_empty() => {
            let problem = format!("there is no chart in '{}', and no repo to pull it from", path.text);
            return Err(KustomizeError::target(&chart.at, format!("the chart '{}'", chart.name), problem)
                .with_remedy("set repo, or helmGlobals.chartHome to the folder that has the chart"));
        }
        None => {
            let spec = ChartSpec {
                repo: chart.repo.clone(),
                name: chart.name.clone(),
                version: some(&chart.version),
                devel: chart.devel,
            };
            loader.chart(spec, &Sited { text: chart.repo.clone(), at: chart.at.clone() }, &chart.path_of("repo"))?
        }
    };
    let mut all = vec![first(chart, &folder, &files, (loader, schemas), budget)?];
    for path in &chart.additional_values {
        all.push(additional(chart, path, loader)?);
    }
    let given = Chart {
        at: chart.at.clone(),
        name: chart.name.clone(),
        version: some(&chart.version),
        repo: some(&chart.repo),
        folder: folder.clone(),
        files,
        release_name: some(&chart.release_name),
        name_template: some(&chart.name_template),
        namespace: some(if chart.namespace.is_empty() { namespace } else { &chart.namespace }),
        values: all,
        api_versions: chart.api_versions.clone(),
        kube_version: some(&chart.kube_version),
        include_crds: chart.include_crds,
        skip_hooks: chart.skip_hooks,
        skip_tests: chart.skip_tests,
        devel: chart.devel,
        debug: chart.debug,
        config_home: some(&chart.globals.config_home),
    };
    let rendered = by.generate(&given, budget).map_err(|why| KustomizeError::Target {
        at: why.at.unwrap_or_else(|| chart.at.clone()),
        what: format!("the chart '{}'", chart.name),
        problem: format!("cannot be rendered: {}", why.problem),
        remedy: why.remedy,
    })?;
    budget.take_bytes(rendered.text.len() as u64)?;
    let file: Arc<str> = format!("the output of {folder}").into();
    let mut objects = read::objects(&rendered.text, &file, budget)?;
    for object in &mut objects {
        rendered.lines.compose(&mut object.node);
        if object.at().file.as_ref() == Some(&file) {
            read::place(&mut object.node, &chart.at);
        }
        object.mark_helm();
    }
    let mut alone = Resources::default();
    alone.append_all(objects, schemas)?;
    Ok(alone.list)
}

/// The values file with the inline values.
fn first(
    chart: &ChartField,
    folder: &str,
    files: &Tree,
    (loader, schemas): (&Loader, &Schemas),
    budget: &Budget,
) -> Result<Values, KustomizeError> {
    let how = chart.values_merge;
    let merged = |inline, base| values::merged(inline, base, how, &chart.at, schemas.types(), budget);
    if let (Some(inline), ValuesMerge::Replace) = (&chart.values_inline, how) {
        let file = chart.at.file.clone().unwrap_or_else(|| "valuesInline".into());
        return Ok(Values { file, text: merged(inline, None)?.into() });
    }
    let field = chart.path_of("valuesFile");
    let path = match chart.values_file.text.is_empty() {
        true => Sited { text: format!("{}/values.yaml", chart.folder().text), at: chart.at.clone() },
        false => chart.values_file.clone(),
    };
    let (text, file) = loader.load_from(&path, &field, (folder, files))?;
    let text = text.clone();
    match &chart.values_inline {
        Some(inline) => Ok(Values { text: merged(inline, Some((&text, &file)))?.into(), file }),
        None => Ok(Values { file, text }),
    }
}

/// A file of `additionalValuesFiles`, which kustomize looks for on the disk only.
fn additional(chart: &ChartField, path: &Sited, loader: &Loader) -> Result<Values, KustomizeError> {
    let field = chart.path_of("additionalValuesFiles");
    if is_file_url(&path.text) {
        let problem = "a URL is not read here, expected a file";
        return Err(KustomizeError::field(&path.at, field, problem));
    }
    let (text, file) = loader.load(path, &field)?;
    Ok(Values { file, text: text.clone() })
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}
