//! Whole numbers as text, without memory of their own.

const LONGEST: usize = 20;

/// The decimal digits of a number.
pub struct Decimal {
    octets: [u8; LONGEST],
    start: usize,
}

impl Decimal {
    /// Those of `number`.
    pub fn of(number: u64) -> Self {
        let (mut octets, mut start, mut rest) = ([b'0'; LONGEST], LONGEST, number);
        while rest > 0 || start == LONGEST {
            start -= 1;
            octets[start] = b"0123456789"[(rest % 10) as usize];
            rest /= 10;
        }
        Self { octets, start }
    }

    /// The digits, without leading zeros.
    pub fn digits(&self) -> &[u8] {
        &self.octets[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_number() {
        for number in [0, 9, 10, 1_764_076_751, u64::MAX] {
            assert_eq!(Decimal::of(number).digits(), number.to_string().as_bytes());
        }
    }
}
