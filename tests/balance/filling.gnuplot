# gnuplot -e "data='FOLDER'" tests/balance/filling.gnuplot > gateway/balance/filling.svg
# FOLDER is what balance_table has written. Needs gnuplot, which the tests do not.
set terminal svg size 1000,480 font "sans,13" background rgb "white"
set multiplot layout 1,2
set style line 1 lc rgb "#0072b2" lw 2
set style line 2 lc rgb "#d55e00" lw 2
set style line 3 lc rgb "#009e73" lw 2
set style line 4 lc rgb "#aa3377" lw 2
set style line 5 lc rgb "#e69f00" lw 2
set grid lc rgb "#dddddd"
set border 3
set bmargin 8
set tics nomirror out
set yrange [0:1.2]
set ytics 0.2
set ylabel "clients of the newcomer, parts of the mean"
set key outside bottom center horizontal samplen 2 spacing 1.2

set title "A newcomer fills: TTL 60 s, ten others"
set logscale x
set xrange [1:1440]
set xlabel "after its start"
set xtics ("1 min" 1, "3 min" 3, "10 min" 10, "30 min" 30, "1 h" 60, "4 h" 240, "12 h" 720)
plot data.'/10_600_60_dns.dat' using 1:2 with lines ls 1 title "clients stay 10 min", \
     data.'/10_3600_60_dns.dat' using 1:2 with lines ls 2 title "1 h", \
     data.'/10_14400_60_dns.dat' using 1:2 with lines ls 3 title "4 h", \
     data.'/10_43200_60_dns.dat' using 1:2 with lines ls 4 title "12 h", \
     data.'/10_43200_60_shed.dat' using 1:2 with lines ls 5 title "12 h, with shedding"

set title "And stays there: clients stay 10 min"
unset logscale x
set xrange [0:4]
set xlabel "hours after its start"
set xtics autofreq 1
unset ylabel
plot data.'/10_600_30_dns.dat' using ($1/60):2 with lines ls 1 title "TTL 30 s", \
     data.'/10_600_60_dns.dat' using ($1/60):2 with lines ls 2 title "TTL 60 s", \
     data.'/10_600_300_dns.dat' using ($1/60):2 with lines ls 3 title "TTL 300 s"
unset multiplot
