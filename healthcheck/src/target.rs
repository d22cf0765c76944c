use crate::{Admin, Evidence, Health, Standing, WeightHint};

/// Something to send traffic to, what is known of it, and how much it is to get.
///
/// It has any number of checks, each known by an identifier of the caller's, and its health and weight are worked out anew from
/// what each of them says, whenever they are asked for. So whatever a check once said is gone when it says something else.
///
/// ```
/// use healthcheck::{Health, Rule, Standing, Target, WeightHint};
///
/// let mut server = Target::new(10).check("tcp", Standing::UP).check("load", Standing::UP).rule(Rule::All);
/// server.handle_check("load", Standing::UP.with_weight(WeightHint::Percent(50)));
/// assert_eq!((server.health(), server.weight()), (Health::Up, 5));
///
/// server.handle_check("tcp", Standing::DOWN);
/// assert_eq!(server.health(), Health::Down);
/// ```
#[derive(Clone, Debug)]
pub struct Target<C> {
    weight: u32,
    rule: Rule,
    admin: Admin,
    parts: Vec<Part<C>>,
}

/// How many of its checks must pass for a target to be up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a number covers all others")]
pub enum Rule {
    /// All of them: keepalived's way. A target without checks is up.
    #[default]
    All,
    /// One of them.
    Any,
    /// So many of them; all, if there are fewer. Of 0 it is up whatever they say.
    AtLeast(u16),
}

#[derive(Clone, Copy, Debug)]
struct Part<C> {
    check: C,
    standing: Standing,
    /// It was added to a target that served, and may not take it down before it has a result.
    is_new: bool,
}

impl<C: Copy + Eq> Target<C> {
    /// The most a target can weigh; keepalived's bound.
    pub const MAX_WEIGHT: u32 = i32::MAX.unsigned_abs();

    /// Makes one without checks, which is up. A weight of 0 gets no new connections; one above the
    /// [maximum](Self::MAX_WEIGHT) is taken for that.
    #[must_use]
    pub const fn new(weight: u32) -> Self {
        let weight = if weight > Self::MAX_WEIGHT { Self::MAX_WEIGHT } else { weight };
        Self { weight, rule: Rule::All, admin: Admin::Auto, parts: Vec::new() }
    }

    /// Adds a check, and what it says now: a [`Monitor::standing`](crate::Monitor::standing), or
    /// [`Standing::UNKNOWN`] if that is to come. One that it has already counts once, as added last.
    #[must_use]
    pub fn check(mut self, check: C, standing: Standing) -> Self {
        self.parts.retain(|part| part.check != check);
        self.parts.push(Part { check, standing, is_new: false });
        self
    }

    /// Sets how many checks must pass (default [`Rule::All`]).
    #[must_use]
    pub fn rule(self, rule: Rule) -> Self {
        Self { rule, ..self }
    }

    /// Takes what a check says now; returns whether it is one of this target's.
    pub fn handle_check(&mut self, check: C, standing: Standing) -> bool {
        let mut is_ours = false;
        for part in self.parts.iter_mut().filter(|part| part.check == check) {
            part.standing = standing;
            part.is_new &= standing.evidence == Evidence::Assumed;
            is_ours = true;
        }
        is_ours
    }

    /// Does as the operator orders.
    pub const fn set_admin(&mut self, admin: Admin) {
        self.admin = admin;
    }

    /// Returns the operator's order in force.
    #[must_use]
    pub const fn admin(&self) -> Admin {
        self.admin
    }

    /// Returns whether it is fit to serve, the operator's order included.
    #[must_use]
    pub fn health(&self) -> Health {
        let count = |health| self.parts.iter().filter(|part| part.health() == health).count();
        let (up, draining) = (count(Health::Up), count(Health::Draining));
        let (unknown, maintenance) = (count(Health::Unknown), count(Health::Maintenance));
        let all = self.parts.len();
        let needed = match self.rule {
            Rule::All => all,
            Rule::Any => all.min(1),
            Rule::AtLeast(needed) => all.min(needed.into()),
        };
        let health = if up >= needed {
            Health::Up
        } else if up + draining >= needed {
            Health::Draining
        } else if up + draining + unknown >= needed {
            Health::Unknown
        } else if up + draining + unknown + maintenance >= needed {
            Health::Maintenance
        } else {
            Health::Down
        };
        health.under(self.admin)
    }

    /// Returns how much it is to get when it serves: the configured weight and what its checks say of it, those that fail
    /// excepted; from 0 to [`MAX_WEIGHT`](Self::MAX_WEIGHT).
    #[must_use]
    pub fn weight(&self) -> u32 {
        let base = i64::from(self.weight);
        let serving = self.parts.iter().filter(|part| part.standing.health.serves());
        let changes = serving.filter_map(|part| part.standing.weight).map(|hint| match hint {
            WeightHint::Absolute(weight) => i64::from(weight) - base,
            WeightHint::Percent(percent) => base * i64::from(percent) / 100 - base,
            WeightHint::Delta(delta) => i64::from(delta),
        });
        let weight = changes.fold(base, i64::saturating_add).clamp(0, Self::MAX_WEIGHT.into());
        u32::try_from(weight).unwrap_or(Self::MAX_WEIGHT)
    }

    /// Returns the weight that was configured.
    #[must_use]
    pub const fn configured_weight(&self) -> u32 {
        self.weight
    }

    /// Returns the identifiers of its checks.
    pub fn checks(&self) -> impl Iterator<Item = C> {
        self.parts.iter().map(|part| part.check)
    }

    /// Takes the place of a target that was configured before: under the same order, and if that one serves, checks that it did
    /// not have may not take this one down before they have a result.
    pub(crate) fn succeed(&mut self, former: &Self) {
        self.admin = former.admin;
        for part in &mut self.parts {
            let known = former.parts.iter().find(|other| other.check == part.check);
            let may_be_new = known.map_or(former.health().serves(), |known| known.is_new);
            part.is_new = may_be_new && part.standing.evidence == Evidence::Assumed;
        }
    }
}

impl<C> Part<C> {
    const fn health(&self) -> Health {
        if self.is_new { Health::Up } else { self.standing.health }
    }
}
