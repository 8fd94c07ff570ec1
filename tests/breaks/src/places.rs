//! Where in a file its mutants are: the expression around each, so that the switch can be put before it.

use std::collections::BTreeMap;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::list::{Genre, Mutant};

/// The number by which a mutant is switched on; 0 is none.
pub type Id = u32;

/// A piece of a file at which one of several things is to happen.
#[derive(Debug)]
pub struct Place {
    /// In bytes.
    pub range: Range<usize>,
    /// What kind of switch it takes.
    pub form: Form,
}

/// How a switch is put.
#[derive(Debug)]
pub enum Form {
    /// Statements of a function: it may return this before them.
    Body(Vec<(Id, String)>),
    /// An expression: it may be another, in which a part is replaced.
    Expression(Vec<(Id, Range<usize>, String)>),
    /// The guard of an arm, empty if it has none.
    Guard(Guard),
    /// A match of which arms may be taken away. It takes no switch; errors in it are due to them.
    Match(Vec<Id>),
}

/// What may become of a guard.
#[derive(Debug, Default)]
pub struct Guard {
    /// The arm is never taken.
    pub deleted: Option<Id>,
    /// The guard holds always.
    pub holds: Option<Id>,
    /// It never holds.
    pub fails: Option<Id>,
    /// It binds names, so that it can't be put into parentheses.
    pub binds: bool,
}

/// The places of a file's mutants, those outside before those inside them. Who has none can't be switched.
///
/// # Errors
/// The source is not what was listed.
pub fn places(source: &str, mutants: &[(Id, &Mutant)]) -> Result<Vec<Place>, String> {
    let file = syn::parse_file(source).map_err(|error| error.to_string())?;
    let mut finder = Finder { wanted: BTreeMap::new(), places: Vec::new() };
    let mut bodies: BTreeMap<(usize, usize), Vec<(Id, String)>> = BTreeMap::new();
    for (id, mutant) in mutants {
        let range = mutant.span.bytes(source)?;
        match mutant.genre {
            Genre::FnValue => {
                bodies.entry((range.start, range.end)).or_default().push((*id, mutant.replacement.clone()));
            }
            _ => finder.wanted.entry(range.start).or_default().push((*id, range, (*mutant).clone())),
        }
    }
    finder.visit_file(&file);
    let bodies = bodies.into_iter().map(|((start, end), all)| Place { range: start..end, form: Form::Body(all) });
    let mut places: Vec<Place> = bodies.chain(finder.places).collect();
    // A function may consist of one expression: the function is the outer one.
    places.sort_by_key(|place| (place.range.start, usize::MAX - place.range.end));
    Ok(places)
}

struct Finder {
    /// By where their span begins.
    wanted: BTreeMap<usize, Vec<(Id, Range<usize>, Mutant)>>,
    places: Vec<Place>,
}

impl Finder {
    /// Those that replace something that begins here.
    fn at(&self, start: usize, genre: Genre) -> Vec<(Id, Range<usize>, String)> {
        let all = self.wanted.get(&start).into_iter().flatten();
        let these = all.filter(|(_, _, mutant)| mutant.genre == genre);
        these.map(|(id, range, mutant)| (*id, range.clone(), mutant.replacement.clone())).collect()
    }

    fn expression(&mut self, range: Range<usize>, found: Vec<(Id, Range<usize>, String)>) {
        if !found.is_empty() {
            self.places.push(Place { range, form: Form::Expression(found) });
        }
    }

    fn arm(&mut self, arm: &syn::Arm) -> Option<Id> {
        let pattern = arm.pat.span().byte_range();
        let deleted = self.at(arm.span().byte_range().start, Genre::MatchArm).first().map(|(id, ..)| *id);
        let mut guard = Guard { deleted, ..Guard::default() };
        let mut range = pattern.end..pattern.end;
        if let Some((_, condition)) = &arm.guard {
            range = condition.span().byte_range();
            guard.binds = binds(condition);
            for (id, _, value) in self.at(range.start, Genre::MatchArmGuard) {
                *(if value == "true" { &mut guard.holds } else { &mut guard.fails }) = Some(id);
            }
        }
        if guard.deleted.or(guard.holds).or(guard.fails).is_some() {
            self.places.push(Place { range, form: Form::Guard(guard) });
        }
        deleted
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_expr_binary(&mut self, node: &'ast syn::ExprBinary) {
        let found = self.at(node.op.span().byte_range().start, Genre::BinaryOperator);
        // A chain with `let` in it is no expression of its own.
        if !binds(&node.left) && !binds(&node.right) {
            self.expression(node.span().byte_range(), found);
        }
        visit::visit_expr_binary(self, node);
    }

    fn visit_expr_unary(&mut self, node: &'ast syn::ExprUnary) {
        let found = self.at(node.op.span().byte_range().start, Genre::UnaryOperator);
        self.expression(node.span().byte_range(), found);
        visit::visit_expr_unary(self, node);
    }

    fn visit_expr_struct(&mut self, node: &'ast syn::ExprStruct) {
        let fields = node.fields.iter().map(|field| field.span().byte_range().start);
        let found = fields.flat_map(|start| self.at(start, Genre::StructField)).collect();
        self.expression(node.span().byte_range(), found);
        visit::visit_expr_struct(self, node);
    }

    fn visit_expr_match(&mut self, node: &'ast syn::ExprMatch) {
        let deleted: Vec<Id> = node.arms.iter().filter_map(|arm| self.arm(arm)).collect();
        if !deleted.is_empty() {
            self.places.push(Place { range: node.span().byte_range(), form: Form::Match(deleted) });
        }
        visit::visit_expr_match(self, node);
    }
}

/// Whether it has a `let`, alone or in a chain.
fn binds(condition: &syn::Expr) -> bool {
    match condition {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(both) => binds(&both.left) || binds(&both.right),
        _ => false,
    }
}
