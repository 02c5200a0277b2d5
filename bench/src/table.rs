//! A table of results: as aligned Markdown for people, as JSON for programs.

use serde_json::{Value, json};
use std::fmt;

/// One value of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Text(String),
    /// A number and how many decimals to show of it.
    Number(f64, usize),
    /// Not known, or it means nothing here.
    Absent,
}

impl Cell {
    /// A number where there is one.
    pub(crate) fn optional(number: Option<f64>, decimals: usize) -> Self {
        number
            .filter(|number| number.is_finite())
            .map_or(Self::Absent, |number| Self::Number(number, decimals))
    }

    /// A count.
    pub(crate) fn count(count: u64) -> Self {
        Self::Number(count as f64, 0)
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number, decimals) => {
                let scale = 10_f64.powi(i32::try_from(*decimals).unwrap_or(0));
                json!((number * scale).round() / scale)
            }
            Self::Absent => Value::Null,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number, decimals) => write!(f, "{number:.decimals$}"),
            Self::Absent => f.write_str("-"),
        }
    }
}

/// A table with a title and remarks.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
    pub(crate) remarks: Vec<String>,
}

impl Table {
    /// Rows as objects keyed by column.
    pub(crate) fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let pairs = self.columns.iter().zip(row).map(|(column, cell)| (column.clone(), cell.to_json()));
            Value::Object(pairs.collect())
        });
        json!({ "title": self.title, "rows": rows.collect::<Vec<_>>(), "remarks": self.remarks })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect();
        let width = |column: usize| {
            let cells = texts.iter().filter_map(|row| row.get(column));
            cells.chain(self.columns.get(column)).map(String::len).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.columns.len()).map(width).collect();
        writeln!(f, "### {}\n", self.title)?;
        line(f, &self.columns, &widths)?;
        let rules: Vec<_> = widths.iter().enumerate().map(|(i, &width)| rule(i, width)).collect();
        line(f, &rules, &widths)?;
        for row in &texts {
            line(f, row, &widths)?;
        }
        for remark in &self.remarks {
            write!(f, "\n- {remark}")?;
        }
        if self.remarks.is_empty() { Ok(()) } else { writeln!(f) }
    }
}

/// The first column is aligned left, the others right.
fn rule(column: usize, width: usize) -> String {
    if column == 0 { "-".repeat(width) } else { format!("{}:", "-".repeat(width.saturating_sub(1))) }
}

fn line(f: &mut fmt::Formatter<'_>, cells: &[String], widths: &[usize]) -> fmt::Result {
    for (column, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        if column == 0 {
            write!(f, "| {cell:<width$} |")?;
        } else {
            write!(f, " {cell:>width$} |")?;
        }
    }
    writeln!(f)
}

/// The middle value; the mean of the two middle ones where their number is even; `None` of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle)) {
        (1, Some(&value)) => Some(value),
        (0, Some(&value)) => Some(f64::midpoint(values[middle - 1], value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            title: "proxy".into(),
            columns: vec!["server".into(), "us".into()],
            rows: vec![
                vec![Cell::Text("floor".into()), Cell::Number(12.346, 2)],
                vec![Cell::Text("none".into()), Cell::Absent],
            ],
            remarks: vec!["a remark".into()],
        }
    }

    #[test]
    fn a_table_is_aligned_markdown() {
        let expect = "### proxy\n\n| server |    us |\n| ------ | ----: |\n| floor  | 12.35 |\n| none   |     - |\n\n- a remark\n";
        assert_eq!(table().to_string(), expect);
    }

    #[test]
    fn a_table_is_json_with_rounded_numbers() {
        let json = table().to_json();
        assert_eq!(json["rows"][1], json!({ "server": "none", "us": null }));
        assert!((json["rows"][0]["us"].as_f64().unwrap() - 12.35).abs() < 1e-9);
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0]), Some(2.5));
        assert_eq!(median([]), None);
    }
}
