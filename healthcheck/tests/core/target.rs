//! Targets of several checks.

use healthcheck::{Admin, Health, Rule, Standing, Target, WeightHint};
use proptest::prelude::*;

use super::{says, weighs};

fn target(rule: Rule, healths: &[Health]) -> Target<usize> {
    let parts = healths.iter().enumerate();
    parts.fold(Target::new(10).rule(rule), |target, (check, health)| target.check(check, says(*health)))
}

#[test]
fn a_rule_says_how_many_checks_must_pass() {
    use Health::{Down, Draining, Maintenance, Unknown, Up};
    for (rule, healths, expected) in [
        (Rule::All, &[][..], Up),
        (Rule::Any, &[], Up),
        (Rule::All, &[Up, Up], Up),
        (Rule::All, &[Up, Down], Down),
        (Rule::All, &[Up, Unknown], Unknown),
        (Rule::All, &[Unknown, Down], Down),
        (Rule::All, &[Up, Draining], Draining),
        (Rule::All, &[Up, Maintenance], Maintenance),
        (Rule::Any, &[Down, Up], Up),
        (Rule::Any, &[Down, Unknown], Unknown),
        (Rule::Any, &[Draining, Up], Up),
        (Rule::Any, &[Draining, Down], Draining),
        (Rule::Any, &[Down, Down], Down),
        (Rule::AtLeast(2), &[Up, Down, Up], Up),
        (Rule::AtLeast(2), &[Up, Down, Down], Down),
        (Rule::AtLeast(2), &[Up, Down, Unknown], Unknown),
        (Rule::AtLeast(3), &[Up, Up], Up),
        (Rule::AtLeast(0), &[Down], Up),
    ] {
        assert_eq!(target(rule, healths).health(), expected, "{rule:?} of {healths:?}");
    }
}

#[test]
fn the_operators_order_goes_before_the_checks() {
    let mut target = target(Rule::All, &[Health::Up]);
    for (admin, health) in [
        (Admin::Drain, Health::Draining),
        (Admin::Maintenance, Health::Maintenance),
        (Admin::ForcedDown, Health::Down),
        (Admin::Auto, Health::Up),
    ] {
        target.set_admin(admin);
        assert_eq!(target.health(), health);
    }
    target.handle_check(0, Standing::DOWN);
    target.set_admin(Admin::ForcedUp);
    assert_eq!(target.health(), Health::Up);
    target.set_admin(Admin::Drain);
    assert_eq!(target.health(), Health::Down);
}

#[test]
fn the_weight_is_the_configured_one_and_what_checks_say_of_it() {
    let hinted = |hints: &[WeightHint]| {
        let parts = hints.iter().enumerate();
        let add = |target: Target<usize>, (check, hint): (usize, &WeightHint)| {
            target.check(check, Standing::UP.with_weight(*hint))
        };
        parts.fold(Target::new(10), add).weight()
    };
    assert_eq!(hinted(&[]), 10);
    assert_eq!(hinted(&[WeightHint::Absolute(3)]), 3);
    assert_eq!(hinted(&[WeightHint::Absolute(0)]), 0);
    assert_eq!(hinted(&[WeightHint::Percent(50)]), 5);
    assert_eq!(hinted(&[WeightHint::Percent(200)]), 20);
    assert_eq!(hinted(&[WeightHint::Delta(-3)]), 7);
    // keepalived adds up what each checker changes, and stops at 0 and at the greatest signed integer.
    assert_eq!(hinted(&[WeightHint::Absolute(12), WeightHint::Delta(5)]), 17);
    assert_eq!(hinted(&[WeightHint::Delta(-30)]), 0);
    assert_eq!(hinted(&[WeightHint::Absolute(u32::MAX)]), 2_147_483_647);
    assert_eq!(hinted(&[WeightHint::Delta(i32::MAX); 3]), 2_147_483_647);
    assert_eq!(Target::<u8>::new(u32::MAX).weight(), 2_147_483_647);
}

#[test]
fn a_check_that_is_added_twice_counts_once() {
    let hint = Standing::UP.with_weight(WeightHint::Delta(5));
    let target =
        Target::new(10).check(0, Standing::DOWN).check(1, Standing::DOWN).check(0, hint).check(0, hint);
    assert_eq!((target.weight(), target.health()), (15, Health::Down));
    assert_eq!(target.checks().collect::<Vec<_>>(), [1, 0]);
    assert_eq!(target.rule(Rule::AtLeast(2)).health(), Health::Down);
}

#[test]
fn what_a_check_said_of_the_weight_does_not_count_while_it_fails() {
    let mut target = Target::new(10).check(0, weighs(3)).check(1, Standing::UP).rule(Rule::Any);
    assert_eq!(target.weight(), 3);
    target.handle_check(0, Standing::DOWN.with_weight(WeightHint::Absolute(3)));
    assert_eq!((target.health(), target.weight()), (Health::Up, 10));
}

proptest! {
    #[test]
    fn weights_never_leave_their_range_and_depend_on_the_last_word_only(
        base: u32,
        words in prop::collection::vec((0usize..4, hint(), any::<bool>()), 0..40),
    ) {
        let fresh = || (0..4).fold(Target::new(base), |target, check| target.check(check, Standing::UP));
        let mut target = fresh();
        let mut last = [None; 4];
        for (check, hint, serves) in words {
            let standing = if serves { Standing::UP } else { Standing::DOWN }.with_weight(hint);
            target.handle_check(check, standing);
            last[check] = Some(standing);
            prop_assert!(target.weight() <= Target::<usize>::MAX_WEIGHT);
        }
        let mut other = fresh();
        for (check, standing) in last.into_iter().enumerate() {
            if let Some(standing) = standing {
                other.handle_check(check, standing);
            }
        }
        prop_assert_eq!(target.weight(), other.weight());
    }
}

fn hint() -> impl Strategy<Value = WeightHint> {
    prop_oneof![
        any::<u32>().prop_map(WeightHint::Absolute),
        any::<u16>().prop_map(WeightHint::Percent),
        any::<i32>().prop_map(WeightHint::Delta),
    ]
}
